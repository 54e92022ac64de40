import { describe, expect, it } from '@jest/globals';
import type { Advice, CacheModuleOptions, CacheService } from '../../src/index.js';
import { CacheModule, CacheService as Service } from '../../src/index.js';
import { FakeClock } from '../../src/testing.js';
import { startApp } from '../module/app.js';
import { seededRandom } from '../support/random.js';
import { useLog } from './log.js';

const only = { sweep: { enabled: false }, warm: { enabled: false } };

/** A cache in memory, and a clock that stands still. */
async function start(options: CacheModuleOptions = {}) {
  const clock = new FakeClock();
  const jobs = { ...only, ...options.jobs };
  const app = await startApp({ imports: [CacheModule.forRoot({ jitter: 0, ...options, clock, jobs })] });
  const cache = app.get(Service);
  /** Moves to the next look. */
  const look = async (): Promise<readonly Advice[]> => {
    await clock.advance('1m');
    return cache.advice();
  };
  return { cache, clock, look };
}

const codes = (advice: readonly Advice[]) => advice.map(({ code }) => code).sort();

/** Every key once, so many times. */
async function ask(cache: CacheService, prefix: string, keys: number, rounds: number, ttl?: number, tags?: string[]) {
  for (let round = 0; round < rounds; round++) {
    for (let i = 0; i < keys; i++) {
      await cache.getOrLoad(`${prefix}:${i}`, () => i, { ...(ttl && { ttl }), ...(tags && { tags }) });
    }
  }
}

describe('advice', () => {
  const log = useLog();

  it('is none for a cache that works well', async () => {
    const { cache, look } = await start();
    await ask(cache, 'k', 1_000, 20);
    expect(await look()).toEqual([]);
  });

  it('is none when too little was asked for to say anything', async () => {
    const { cache, look } = await start();
    await ask(cache, 'k', 900, 1);
    expect(await look()).toEqual([]);
  });

  it('tells that the hit ratio is under the target, and what most misses were', async () => {
    const { cache, look } = await start();
    await ask(cache, 'k', 2_000, 2);
    const [advice] = await look();
    expect(advice).toMatchObject({ code: 'hit-ratio-low', figures: { hitRatio: 0.5, target: 0.8, requests: 4_000 } });
    expect(advice?.message).toContain('50 %');
    expect(advice?.message).toContain('not asked for before');
  });

  it('has a target that can be set', async () => {
    const { cache, look } = await start({ jobs: { advise: { hitRatio: 0.4 } } });
    await ask(cache, 'k', 2_000, 2);
    expect(await look()).toEqual([]);
  });

  it('judges the last minute, not all the time since the start', async () => {
    const { cache, look } = await start();
    await ask(cache, 'k', 2_000, 2);
    expect(codes(await look())).toEqual(['hit-ratio-low']);
    await ask(cache, 'k', 2_000, 2);
    expect(await look()).toEqual([]);
    await cache.clear();
    await ask(cache, 'k', 2_000, 1);
    expect(codes(await look())).toContain('hit-ratio-low');
  });

  it('tells that memory is nearly full by bytes', async () => {
    const { cache, look } = await start({ memory: { maxBytes: 100_000 } });
    await cache.set('large', 'x'.repeat(85_000));
    const [advice] = await look();
    expect(codes(await look())).toEqual(['memory-high']);
    expect(advice?.message).toContain('memory.maxBytes');
    await cache.set('large', 'x'.repeat(50_000));
    expect(await look()).toEqual([]);
  });

  it('tells that entries leave for want of room and are asked for again', async () => {
    const { cache, look } = await start({ memory: { maxEntries: 1_000 } });
    await ask(cache, 'k', 2_000, 6);
    const found = await look();
    expect(codes(found)).toContain('eviction-churn');
    expect(found.find(({ code }) => code === 'eviction-churn')?.message).toContain('1,000 entries allowed');
  });

  it('foretells the hit ratio of a larger memory within two points of what that then has', async () => {
    const minute = async (cache: CacheService, next: () => number) => {
      const before = cache.stats();
      for (let i = 0; i < 150_000; i++) {
        // A few keys are asked for often, most of 60,000 seldom.
        const key = `k:${Math.floor(60_000 ** next())}`;
        await cache.getOrLoad(key, () => 1);
      }
      const now = cache.stats();
      return (now.hits.memory - before.hits.memory) / (now.requests - before.requests);
    };
    const small = await start({ memory: { maxEntries: 2_000, maxBytes: Number.POSITIVE_INFINITY }, ttl: '1d' });
    const next = seededRandom(11);
    let figures: Advice['figures'] | undefined;
    for (let i = 0; i < 3; i++) {
      await minute(small.cache, next);
      figures = (await small.look()).find(({ code }) => code === 'eviction-churn')?.figures;
    }
    const entries = figures?.entries ?? 0;
    expect(entries).toBeGreaterThan(2_000);
    const large = await start({ memory: { maxEntries: entries, maxBytes: Number.POSITIVE_INFINITY }, ttl: '1d' });
    const again = seededRandom(11);
    let measured = 0;
    for (let i = 0; i < 3; i++) measured = await minute(large.cache, again);
    expect(Math.abs((figures?.hitRatio ?? 0) - measured)).toBeLessThan(0.02);
  });

  it('says nothing of entries that leave for want of room and are not asked for again', async () => {
    const { cache, look } = await start({ memory: { maxEntries: 1_000 } });
    await ask(cache, 'hot', 500, 50);
    await ask(cache, 'once', 3_000, 1);
    await ask(cache, 'hot', 500, 50);
    expect(codes(await look())).not.toContain('eviction-churn');
  });

  it('tells which ttl is shorter than the time until keys are asked for again, and what it should be', async () => {
    const { cache, clock, look } = await start();
    for (let round = 0; round < 4; round++) {
      await ask(cache, 'short', 2_000, 1, 5_000);
      await ask(cache, 'long', 2_000, 5, 60_000);
      await clock.advance('8s');
    }
    const found = (await look()).filter(({ code }) => code !== 'hit-ratio-low');
    expect(codes(found)).toEqual(['ttl-short']);
    expect(found[0]).toMatchObject({ subject: 'short:', figures: { ttl: 5_000, reuse: 8_000, wanted: 8_000 } });
    expect(found[0]?.message).toContain("'short:'");
  });

  it('says nothing of a ttl that would have to be very much longer', async () => {
    const { cache, clock, look } = await start({ jobs: { advise: { every: '10m' } } });
    for (let round = 0; round < 3; round++) {
      await ask(cache, 'short', 2_000, 1, 1_000);
      await clock.advance('2m');
    }
    await clock.advance('9m');
    expect(codes(await look())).not.toContain('ttl-short');
  });

  it('tells which keys are stored and never asked for', async () => {
    const { cache, look } = await start();
    await ask(cache, 'used', 1_000, 30, 30_000);
    await ask(cache, 'vain', 2_000, 1, 30_000);
    const found = await look();
    expect(codes(found)).toEqual(['never-hit']);
    expect(found[0]).toMatchObject({ subject: 'vain:', figures: { share: 1 } });
  });

  it('tells which kind of tag invalidates much of what is asked for', async () => {
    const { cache, look } = await start();
    for (let round = 0; round < 4; round++) {
      await ask(cache, 'k', 1_000, 2, 60_000, ['shop:1']);
      await cache.evict({ tags: ['shop:1'] });
    }
    await ask(cache, 'k', 1_000, 2, 60_000, ['shop:1']);
    const found = (await look()).filter(({ code }) => code === 'invalidated-widely');
    expect(found).toMatchObject([{ subject: 'tag shop:*', figures: { changes: 4 } }]);
  });

  it('says nothing of a tag that invalidates little', async () => {
    const { cache, look } = await start();
    for (let round = 0; round < 4; round++) {
      await ask(cache, 'k', 1_000, 5, 60_000);
      await ask(cache, 'tagged', 100, 1, 60_000, ['t']);
      await cache.evict({ tags: ['t'] });
    }
    expect(codes(await look())).toEqual([]);
  });

  it('comes as an event every time, in the log once an hour, and names the cache', async () => {
    const clock = new FakeClock();
    const app = await startApp({
      imports: [
        CacheModule.forRoot({ clock, jobs: only }),
        CacheModule.register({ name: 'sessions', memory: { maxBytes: 1_000 } }),
      ],
    });
    const cache = app.get<CacheService>('nestjs-strata.cache.sessions');
    const heard: Advice[] = [];
    cache.on('advice', (one) => heard.push(one));
    await cache.set('secret-key', 'x'.repeat(900));
    await clock.advance('10m');
    expect(heard).toHaveLength(10);
    expect(heard[0]).toMatchObject({ code: 'memory-high', cache: 'sessions', window: 60_000 });
    const told = () => log.lines().filter((line) => line.includes('memory-high'));
    expect(told()).toHaveLength(1);
    expect(told()[0]).toContain('cache "sessions"');
    expect(told()[0]).not.toContain('secret-key');
    await clock.advance('1h');
    expect(told()).toHaveLength(2);
  });

  it('is not given, and nothing is measured for it, with advise: { enabled: false }', async () => {
    const { cache, look } = await start({ jobs: { advise: { enabled: false } } });
    await ask(cache, 'k', 2_000, 2);
    expect(await look()).toEqual([]);
  });
});
