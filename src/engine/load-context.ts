import { CacheOptionsError } from '../cache.errors.js';
import { DURATION_REMEDY, type Duration, type Milliseconds, parseDuration } from './duration.js';
import { checkTags } from './policy.js';
import type { VersionSource } from './version.js';

/** What a load is given. */
export interface LoadContext<T = unknown> {
  /**
   * Aborted when nobody waits for the value any more: the cache is closed, or the load took longer than `hardTimeout` and
   * `lateLoads` is `'abort'`. Pass it to `fetch` and to clients that take one.
   */
  readonly signal: AbortSignal;
  /** The value that is about to be replaced, if there is one within its grace; read-only. */
  readonly stale: T | undefined;
  /** Gives this value another life than the options say, for example one the source told. */
  setTtl(ttl: Duration): void;
  /** Adds tags that only the result tells. */
  setTags(tags: readonly string[]): void;
  /** The result goes to the callers and is not stored. */
  skip(): void;
  /** Unique for this load: for logs and for requests to the source. */
  readonly requestId: string;
}

/** The engine's side of a load context: collects what the load said. */
export class LoadRecord implements LoadContext<unknown> {
  ttl: Milliseconds | undefined;
  tags: readonly string[] = [];
  skipped = false;
  aborted = false;
  /** Made when it is asked for: most loaders never do. */
  private controller: AbortController | undefined;

  constructor(
    private readonly versions: VersionSource,
    private readonly asked: { stale(): unknown; signalAsked(): void },
  ) {}

  get signal(): AbortSignal {
    if (this.controller === undefined) {
      this.controller = new AbortController();
      this.asked.signalAsked();
      if (this.aborted) this.controller.abort();
    }
    return this.controller.signal;
  }

  abort(): void {
    this.aborted = true;
    this.controller?.abort();
  }

  private id: string | undefined;

  get requestId(): string {
    this.id ??= this.versions.next();
    return this.id;
  }

  get stale(): unknown {
    return this.asked.stale();
  }

  setTtl(ttl: Duration): void {
    const parsed = parseDuration(ttl);
    if (parsed === undefined || parsed === 0) {
      const remedy = `${DURATION_REMEDY} To store nothing, call skip().`;
      throw new CacheOptionsError([{ option: 'setTtl', value: ttl, remedy }], 'A load is wrong');
    }
    this.ttl = parsed;
  }

  setTags(tags: readonly string[]): void {
    const problems: { option: string; value: unknown; remedy: string }[] = [];
    this.tags = checkTags(Array.isArray(tags) ? [...this.tags, ...tags] : tags, problems);
    if (problems.length > 0) throw new CacheOptionsError(problems, 'A load is wrong');
  }

  skip(): void {
    this.skipped = true;
  }
}
