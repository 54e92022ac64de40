import { CacheOptionsError } from '../cache.errors.js';
import { DURATION_REMEDY, type Duration, FOREVER, type Milliseconds, parseDuration } from './duration.js';
import type { CacheEvents } from './events.js';
import { checkTags } from './policy.js';
import type { SourceReporter } from './stats.js';
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
  /** Says where the value came from: `getEntry(key).source`, and `source` of the event `loaded`. Default `'load'`. */
  setSource(source: string): void;
  /** Unique for this load: for logs and for requests to the source. */
  readonly requestId: string;
}

/** Longest name of a source: entries in Redis begin with it. */
const LONGEST_SOURCE = 100;

/** Whether the text can be the name of a source. */
export function isSourceName(name: unknown): name is string {
  return typeof name === 'string' && name !== '' && name.length <= LONGEST_SOURCE;
}

export const SOURCE_NAME_REMEDY = `Use a text of 1 to ${LONGEST_SOURCE} characters.`;

/** What a chain of sources tells of the value that it loads. */
export interface Answered {
  source: string;
  attempts: number;
  /** Another one than the first source answered. */
  backup: boolean;
  /** The value lives at most so long. */
  longest: Milliseconds;
}

/** The cache that a load belongs to, for chains of sources. */
export interface LoadHost {
  readonly key: string;
  /** Its result is stored, and nobody else takes care of it yet. */
  readonly lasting: boolean;
  /** Loads the key again if its value still came from this source; resolves with the source of the value that is there then. */
  reload(from: string): Promise<string | undefined>;
  fellBack(event: Omit<CacheEvents['fallback'], 'key'>): void;
  introduce(chain: SourceReporter): void;
}

/** The engine's side of a load context: collects what the load said. */
export class LoadRecord implements LoadContext<unknown> {
  ttl: Milliseconds | undefined;
  tags: readonly string[] = [];
  skipped = false;
  aborted = false;
  source = 'load';
  attempts = 1;
  /** The value lives at most so long, whatever else was said. */
  longest: Milliseconds = FOREVER;
  private fromBackup = false;
  /** Made when it is asked for: most loaders never do. */
  private controller: AbortController | undefined;

  constructor(
    private readonly versions: VersionSource,
    private readonly asked: { stale(): unknown; signalAsked(): void; showsPrimary(): boolean },
    readonly host: LoadHost,
    /** Nobody waits for it, and nobody can: it replaces a value that is still served. */
    readonly background: boolean,
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

  setSource(source: string): void {
    if (!isSourceName(source)) {
      throw new CacheOptionsError(
        [{ option: 'setSource', value: source, remedy: SOURCE_NAME_REMEDY }],
        'A load is wrong',
      );
    }
    this.source = source;
  }

  /** Several chains may take part in one load: what one backup gave makes all of it a backup's. */
  answered({ source, attempts, backup, longest }: Answered): void {
    this.longest = Math.min(this.longest, longest);
    this.attempts = Math.max(this.attempts, attempts);
    // What is served, and not at its end yet, is better than what a backup has.
    if (backup && this.asked.showsPrimary()) this.skip();
    if (this.fromBackup) return;
    this.fromBackup = backup;
    this.source = source;
  }
}

/** A load, or several that are loaded by one call, as chains of sources see it. */
export type OpenLoad = Pick<LoadRecord, 'host' | 'background' | 'answered' | 'signal' | 'requestId'>;

/** The loads of several keys by one call. None of them can be loaded again alone. */
export class LoadGroup implements OpenLoad {
  private readonly records: LoadRecord[] = [];
  readonly background = false;

  add(record: LoadRecord): void {
    this.records.push(record);
  }

  get signal(): AbortSignal {
    return this.first.signal;
  }

  get requestId(): string {
    return this.first.requestId;
  }

  get host(): LoadHost {
    const { host } = this.first;
    return {
      key: host.key,
      lasting: false,
      reload: async () => undefined,
      fellBack: (event) => host.fellBack(event),
      introduce: (chain) => host.introduce(chain),
    };
  }

  answered(answered: Answered): void {
    for (const record of this.records) record.answered(answered);
  }

  private get first(): LoadRecord {
    return this.records[0] as LoadRecord;
  }
}
