import { describe, expect, it } from '@jest/globals';
import type { Cache } from '../../src/engine/cache.js';
import { deferred, type Embedded, embeddedCache } from './embedded-cache.js';

async function stored(): Promise<Embedded> {
  const embedded = embeddedCache({ ttl: '10s', grace: '1m' });
  await embedded.cache.set('p:1', 1, { tags: ['sale'] });
  return embedded;
}

const killers: [string, (cache: Cache) => Promise<void>][] = [
  ['tag sale', (cache) => cache.evict({ tags: ['sale'] })],
  ['prefix p:', (cache) => cache.evict({ prefix: 'p:' })],
];

describe('explain', () => {
  it('knows a value that memory would serve', async () => {
    const { cache, clock } = await stored();
    await clock.advance('3s');
    expect(await cache.explain('p:1')).toEqual({
      key: 'p:1',
      verdict: 'Served from memory.',
      memory: { state: 'fresh', age: 3_000, expiresIn: 7_000, staleFor: 67_000, tags: ['sale'] },
      redis: { state: 'none' },
      inFlight: false,
      undelivered: false,
    });
  });

  it('shows an array key in its text form', async () => {
    const { cache } = await stored();
    await cache.set(['p', 2], 1);
    expect(await cache.explain(['p', 2])).toMatchObject({ key: 'p:~2', memory: { state: 'fresh' } });
  });

  it('knows what is not there, and what never was', async () => {
    const { cache } = await stored();
    await cache.evict('p:1');
    for (const key of ['p:1', 'q']) {
      expect(await cache.explain(key)).toMatchObject({ verdict: 'A miss: not there.', memory: { state: 'absent' } });
    }
  });

  it('knows a value that is stale, and one whose grace is over', async () => {
    const { cache, clock } = await stored();
    await clock.advance('10s');
    expect(await cache.explain('p:1')).toMatchObject({
      verdict: 'A miss: expired; the value stands in if the load fails.',
      memory: { state: 'stale', expiresIn: 0, staleFor: 60_000 },
    });
    await clock.advance('1m');
    expect(await cache.explain('p:1')).toMatchObject({
      verdict: 'A miss: expired.',
      memory: { state: 'dead', expiresIn: -60_000, staleFor: 0 },
    });
  });

  it.each(killers)('names what killed a value: %s', async (killedBy, kill) => {
    const { cache } = await stored();
    await cache.evict({ tags: ['other'] });
    await kill(cache);
    expect(await cache.explain('p:1')).toMatchObject({
      verdict: `A miss: invalidated by ${killedBy}.`,
      memory: { state: 'dead', killedBy },
    });
  });

  it('names what expired a value that may still stand in', async () => {
    const { cache } = await stored();
    await cache.expire({ tags: ['sale'] });
    expect(await cache.explain('p:1')).toMatchObject({ memory: { state: 'stale', killedBy: 'tag sale' } });
    expect((await cache.explain('p:1')).verdict).toContain('invalidated by tag sale');
  });

  it('says why a stale value is served', async () => {
    const { cache, clock } = await stored();
    await clock.advance('10s');
    await cache.getOrLoad('p:1', () => Promise.reject(new Error('no database')));
    expect(await cache.explain('p:1')).toMatchObject({
      verdict: 'Served from memory.',
      memory: { state: 'fresh', trouble: 'Error: no database', expiresIn: 0 },
    });
  });

  it('knows what is under way', async () => {
    const { cache } = await stored();
    const row = deferred<number>();
    const value = cache.getOrLoad('q', () => row.promise);
    expect(await cache.explain('q')).toMatchObject({
      verdict: 'A miss: not there. It is being loaded or written.',
      inFlight: true,
    });
    row.resolve(1);
    await value;
    expect(await cache.explain('q')).toMatchObject({ verdict: 'Served from memory.', inFlight: false });
  });

  it('says what get would do, and is no use and no request', async () => {
    const { cache, clock } = embeddedCache({ ttl: '2s', grace: '2s', memory: { maxEntries: 2 } });
    await cache.set('a', 1);
    await cache.set('b', 1);
    await cache.explain('a');
    await cache.set('c', 1);
    for (const key of ['a', 'b', 'c']) {
      const { verdict } = await cache.explain(key);
      expect(verdict.startsWith('Served')).toBe(key !== 'a');
      expect((await cache.get(key)) !== undefined).toBe(key !== 'a');
    }
    expect(cache.stats().requests).toBe(3);
    await clock.advance('2s');
    expect((await cache.explain('b')).verdict).toMatch(/^A miss/);
  });
});
