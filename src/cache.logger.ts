import { Logger } from '@nestjs/common';
import type { Cache } from './engine/cache.js';

/** The same kind of trouble is logged once in this time. */
const QUIET_FOR = 10_000;

/** Tells in the app's log what no caller sees. Never keys or values: they may be secrets. */
export class CacheLogger {
  private readonly logger = new Logger('CacheModule');
  private readonly told = new Map<string, { at: number; since: number }>();

  watch(cache: Cache): void {
    const of = cache.name === 'default' ? '' : ` of cache "${cache.name}"`;
    cache.on('connection', ({ ready }) => {
      if (ready) this.logger.log(`Redis is connected${of}.`);
      else this.logger.warn(`Redis is gone${of}. Reads go to memory and the source; evictions are delivered later.`);
    });
    cache.on('error', ({ operation, error }) => this.sometimes(`"${operation}"${of} failed: ${messageOf(error)}`));
    cache.on('skipped', ({ reason }) => this.sometimes(`A value was not cached${of}. ${reason}`));
    cache.on('stale', ({ error }) => this.sometimes(`A stale value was served${of}: ${messageOf(error)}`));
  }

  notThere(): void {
    this.logger.warn('Redis is not there yet. The app starts without it and uses it when it comes.');
  }

  private sometimes(message: string): void {
    const now = Date.now();
    const last = this.told.get(message);
    if (last && now - last.at < QUIET_FOR) {
      last.since++;
      return;
    }
    const more = last?.since ? ` (${last.since} more times)` : '';
    if (this.told.size > 100) this.told.clear();
    this.told.set(message, { at: now, since: 0 });
    this.logger.warn(message + more);
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
