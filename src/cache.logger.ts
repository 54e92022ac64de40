import { Logger } from '@nestjs/common';
import { CacheError } from './cache.errors.js';
import type { Cache } from './engine/cache.js';
import type { Clock } from './engine/clock.js';
import type { CacheEvents } from './engine/events.js';
import type { WriteBehindLog } from './write-behind/write-behind.port.js';

/** The same kind of trouble is logged once in this time. */
const QUIET_FOR = 10_000;

/**
 * Tells in the app's log what no caller sees. Never keys or values, which may be secrets; so of errors that are not our
 * own only name and code are told: databases and parsers quote values in their messages.
 */
export class CacheLogger {
  private readonly logger = new Logger('CacheModule');
  private readonly told = new Map<string, { at: number; since: number }>();

  constructor(private readonly clock: Clock) {}

  watch(cache: Cache): void {
    const of = cache.name === 'default' ? '' : ` of cache "${cache.name}"`;
    cache.on('connection', ({ ready }) => {
      if (ready) this.logger.log(`Redis is connected${of}.`);
      else this.logger.warn(`Redis is gone${of}. Reads go to memory and the source; evictions are delivered later.`);
    });
    cache.on('error', ({ operation, error }) => this.failure(`"${operation}"${of} failed`, error));
    cache.on('stale', ({ error }) => this.failure(`A stale value was served${of}, because the load failed`, error));
    cache.on('overload', ({ lane, reason }) => {
      const why = reason === 'full' ? 'its queue is full' : 'it waited too long for its turn';
      this.sometimes(`overload ${lane} ${reason}${of}`, `A load did not run in the lane "${lane}"${of}: ${why}`);
    });
    cache.on('fallback', (event) => this.fallback(event, of));
    cache.on('missed', ({ source, reason }) => this.missed(source, reason, of));
    const notCached = `A value was not cached${of}`;
    cache.on('skipped', ({ reason }) => this.sometimes(notCached, notCached, reason));
  }

  /** The log of a part of the module, with the same rules. */
  part(): WriteBehindLog {
    return {
      info: (message, kind = message) => this.sometimes(kind, message, undefined, 'log'),
      warn: (kind, message) => this.sometimes(kind, message),
      alarm: (kind, message) => this.sometimes(kind, message, undefined, 'error'),
    };
  }

  notThere(): void {
    this.logger.warn('Redis is not there yet. The app starts without it and uses it when it comes.');
  }

  /** That one event does not tell all is how large updates are; what is unreadable is told as an error. */
  private missed(source: string, reason: CacheEvents['missed']['reason'], of: string): void {
    const what = `what rules for events of ${source} concern is invalidated${of}`;
    if (reason === 'connection') this.logger.warn(`Events may have been missed: ${what}.`);
    if (reason === 'start') this.logger.log(`Events before the start are not known: ${what}.`);
  }

  /** Which path answered, and what kept the first source from it. */
  private fallback({ chain, source, error, attempts, requestId }: CacheEvents['fallback'], of: string): void {
    const why = error === undefined ? 'it was slower' : CacheError.is(error) ? error.message : nameOf(error);
    const [who, level] =
      source === 'none'
        ? ['no source answered', 'error' as const]
        : source === 'stale'
          ? ['its last good answer was served', 'warn' as const]
          : [`the backup "${source}" answered`, 'warn' as const];
    const details = `${why} (request ${requestId}, ${attempts} attempts)`;
    this.sometimes(`fallback ${chain} ${source}`, `${chain}${of}: ${who}`, details, level);
  }

  private failure(what: string, error: unknown): void {
    const name = nameOf(error);
    this.sometimes(`${what}: ${name}`, what, CacheError.is(error) ? error.message : name);
  }

  /** One line for each kind of message; details may differ each time. */
  private sometimes(kind: string, what: string, details?: string, level: 'log' | 'warn' | 'error' = 'warn'): void {
    const now = this.clock.now();
    const last = this.told.get(kind);
    if (last && now - last.at < QUIET_FOR) {
      last.since++;
      return;
    }
    const more = last?.since ? ` (${last.since} more times since this was last told)` : '';
    if (this.told.size > 100) this.told.clear();
    this.told.set(kind, { at: now, since: 0 });
    this.logger[level](`${what}${details === undefined ? '' : `: ${details}`}${more}`);
  }
}

/** What an error is, without what it is about. */
function nameOf(error: unknown): string {
  if (!(error instanceof Error)) return `a thrown ${error === null ? 'null' : typeof error}`;
  const { name, code } = error as Error & { code?: unknown };
  return typeof code === 'string' || typeof code === 'number' ? `${name} (${code})` : name;
}
