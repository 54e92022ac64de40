import { describe, expect, it, jest } from '@jest/globals';
import { HttpException, NotFoundException } from '@nestjs/common';
import { deferred, type Embedded, embeddedCache } from './embedded-cache.js';

async function withStale(options: Parameters<typeof embeddedCache>[0] = {}): Promise<Embedded> {
  const embedded = embeddedCache({ ttl: '10s', grace: '1m', ...options });
  await embedded.cache.set('a', 'old');
  await embedded.clock.advance('10s');
  return embedded;
}

describe('a stale value', () => {
  it('does not stand in for an answer: a client error such as "not found"', async () => {
    const { cache } = await withStale();
    const answer = new NotFoundException();
    await expect(cache.getOrLoad('a', () => Promise.reject(answer))).rejects.toBe(answer);
  });

  it.each([408, 429, 500, 503])('stands in for an error with status %i', async (status) => {
    const { cache } = await withStale();
    expect(await cache.getOrLoad('a', () => Promise.reject(new HttpException('trouble', status)))).toBe('old');
  });

  it('stands in for the errors that staleOn says, of the cache or of the call', async () => {
    const gone = Object.assign(new Error('no such row'), { code: 'GONE' });
    const staleOn = (error: unknown): boolean => (error as { code?: string }).code !== 'GONE';
    const fail = (error: unknown) => () => Promise.reject(error);
    const { cache } = await withStale({ staleOn, graceBackoff: 1 });
    await expect(cache.getOrLoad('a', fail(gone))).rejects.toBe(gone);
    expect(await cache.getOrLoad('a', fail(new NotFoundException()))).toBe('old');
    const { cache: other } = await withStale();
    await expect(other.getOrLoad('a', fail(gone), { staleOn })).rejects.toBe(gone);
  });

  it('that was served meanwhile is not served any longer when the load brings an answer', async () => {
    const { cache, clock } = await withStale({ softTimeout: '1s' });
    const row = deferred<string>();
    const first = cache.getOrLoad('a', () => row.promise);
    await clock.advance('1s');
    expect(await first).toBe('old');
    const answer = new NotFoundException();
    row.reject(answer);
    await cache.idle();
    await expect(cache.getOrLoad('a', () => Promise.reject(answer))).rejects.toBe(answer);
  });

  it('stands in when staleOn throws, which is told as an error, and staleOn is asked once for each load', async () => {
    const staleOn = jest.fn(() => {
      throw new Error('a mistake');
    });
    const { cache } = await withStale({ staleOn });
    const errors: string[] = [];
    cache.on('error', ({ operation }) => errors.push(operation));
    expect(await cache.getOrLoad('a', () => Promise.reject(new Error('down')))).toBe('old');
    expect([errors, staleOn.mock.calls.length]).toEqual([['staleOn'], 1]);
  });

  it('cannot be asked for with something that is no function', () => {
    expect(() => embeddedCache({ staleOn: 404 as never })).toThrow(/staleOn: 404. Pass a function/);
  });
});
