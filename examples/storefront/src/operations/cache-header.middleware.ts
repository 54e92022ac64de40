import { AsyncLocalStorage } from 'node:async_hooks';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Injectable, type NestMiddleware, type OnModuleDestroy, Optional } from '@nestjs/common';
import { CacheService } from 'nestjs-strata';

/** Where the values of a response came from, the fastest place first. */
const PLACES = ['memory', 'redis', 'database'] as const;

type Place = (typeof PLACES)[number];

interface Seen {
  /** Index in PLACES; -1 while the cache was not asked. */
  slowest: number;
}

/**
 * Says with the header `x-cache` what it took to answer a GET: the slowest of the places that were needed. The cache tells
 * with events what happens, and the events of a read come in the asynchronous context of the request that reads.
 */
@Injectable()
export class CacheHeaderMiddleware implements NestMiddleware<IncomingMessage, ServerResponse>, OnModuleDestroy {
  private readonly request = new AsyncLocalStorage<Seen>();
  private readonly stopListening: (() => void)[];

  constructor(@Optional() cache?: CacheService) {
    this.stopListening = cache
      ? [cache.on('hit', ({ tier }) => this.saw(tier)), cache.on('miss', () => this.saw('database'))]
      : [];
  }

  use(request: IncomingMessage, response: ServerResponse, next: () => void): void {
    // Without a cache there is nothing to tell; a write goes to the database by its nature.
    if (request.method === 'GET' && this.stopListening.length > 0) this.request.run(watch(response), next);
    else next();
  }

  onModuleDestroy(): void {
    for (const stop of this.stopListening) stop();
  }

  private saw(place: Place): void {
    const seen = this.request.getStore();
    if (seen !== undefined) seen.slowest = Math.max(seen.slowest, PLACES.indexOf(place));
  }
}

/** Sets the header in the last moment before the headers leave: by then the handler is done. */
function watch(response: ServerResponse): Seen {
  const seen: Seen = { slowest: -1 };
  const writeHead = response.writeHead;
  response.writeHead = ((...args: Parameters<typeof writeHead>) => {
    const place = PLACES[seen.slowest];
    if (place !== undefined) response.setHeader('x-cache', place);
    return writeHead.apply(response, args);
  }) as typeof writeHead;
  return seen;
}
