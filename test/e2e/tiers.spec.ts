import { beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { CacheService } from '../../src/index.js';
import { FakeClock } from '../../src/testing.js';
import { commandsDuring, useWorld } from './world.js';

describe('memory over Redis', () => {
  const world = useWorld();
  let clock: FakeClock;

  beforeEach(() => {
    clock = new FakeClock();
  });

  /** Two apps with the same namespace and clock. */
  async function twoApps(options = {}): Promise<{ a: CacheService; b: CacheService }> {
    const apps = [await world.app({ clock, ...options }), await world.app({ clock, ...options })] as const;
    return { a: apps[0].cache, b: apps[1].cache };
  }

  it('serves what another process stored from Redis first, and then from memory', async () => {
    const { a, b } = await twoApps();
    await a.set('product:1', { name: 'Rope' });
    expect(await b.getEntry('product:1')).toMatchObject({ value: { name: 'Rope' }, tier: 'redis', source: 'set' });
    expect(await b.getEntry('product:1')).toMatchObject({ value: { name: 'Rope' }, tier: 'memory', source: 'set' });
    expect(b.stats().hits).toEqual({ memory: 1, redis: 1 });
  });

  it('does not load what another process has loaded', async () => {
    const { a, b } = await twoApps();
    await a.getOrLoad('product:1', () => 'loaded by a', { tags: ['x'] });
    await a.idle();
    const load = jest.fn(() => 'loaded by b');
    expect(await b.getOrLoad('product:1', load)).toBe('loaded by a');
    expect(load).not.toHaveBeenCalled();
    expect(b.peek('product:1')).toBe('loaded by a');
    expect(await b.getEntry('product:1')).toMatchObject({ tags: ['x'], source: 'load' });
  });

  it.each([[null], [0], [''], [false], [Number.NaN]])('takes %j for a value in both tiers', async (value) => {
    const { a, b } = await twoApps();
    const load = jest.fn(() => value);
    expect(await a.getOrLoad('key', load)).toBe(value);
    await a.idle();
    expect(await b.getOrLoad('key', load)).toBe(value);
    expect(await b.getOrLoad('key', load)).toBe(value);
    expect(await b.has('key')).toBe(true);
    expect(load).toHaveBeenCalledTimes(1);
  });

  it('keeps a copy in memory no longer than the entry lives in Redis', async () => {
    const { a, b } = await twoApps();
    await a.set('key', 'value', { ttl: '60s' });
    await clock.advance('50s');
    expect(await b.get('key')).toBe('value');
    await clock.advance(9_999);
    expect(b.peek('key')).toBe('value');
    await clock.advance(1);
    expect(b.peek('key')).toBeUndefined();
    expect(await b.get('key')).toBeUndefined();
    expect(await a.get('key')).toBeUndefined();
  });

  it('says the same of the end of an entry wherever it is read', async () => {
    const { a, b } = await twoApps({ jitter: 0.5, random: () => 0.5 });
    await a.getOrLoad('key', () => 1, { ttl: '60s', grace: '10s' });
    await a.idle();
    const first = await a.getEntry('key');
    expect((first?.expiresAt ?? 0) - clock.now()).toBe(45_000);
    await clock.advance('20s');
    const facts = { createdAt: first?.createdAt, expiresAt: first?.expiresAt, staleUntil: first?.staleUntil };
    expect(await b.getEntry('key')).toMatchObject({ ...facts, tier: 'redis' });
    expect(await b.getEntry('key')).toMatchObject({ ...facts, tier: 'memory' });
  });

  it('never extends the life of an entry by reading it', async () => {
    const { a, b } = await twoApps();
    await a.set('key', 'value', { ttl: '60s' });
    const before = {
      bytes: await world.redis.getBuffer(world.entry('key')),
      life: await world.redis.pttl(world.entry('key')),
    };
    const seen = await commandsDuring(world, async () => {
      for (let i = 0; i < 5; i++) {
        await b.get('key');
        await b.getOrLoad('key', () => 'other');
        await b.has('key');
        await b.getMany(['key']);
        await clock.advance('10s');
      }
    });
    expect(seen.map(({ name }) => name)).toEqual(['MGET']);
    expect(await world.redis.getBuffer(world.entry('key'))).toEqual(before.bytes);
    expect(await world.redis.pttl(world.entry('key'))).toBeLessThanOrEqual(before.life);
    await clock.advance('10s');
    expect(await b.get('key')).toBeUndefined();
  });

  it('asks Redis again when memory may not answer for so long', async () => {
    const { a, b } = await twoApps({ memory: { ttl: '5s' }, tier: { bus: false } });
    await a.set('key', 'old', { ttl: '60s' });
    expect(await b.get('key')).toBe('old');
    await a.set('key', 'new', { ttl: '60s' });
    await clock.advance(4_999);
    expect(await b.get('key')).toBe('old');
    await clock.advance(1);
    expect(b.peek('key')).toBeUndefined();
    expect(await b.getEntry('key')).toMatchObject({ value: 'new', tier: 'redis' });
  });

  it('gives an entry in Redis the life of its value, its grace and a load that begins at its end', async () => {
    const { a } = await twoApps({ hardTimeout: '10s' });
    await a.set('key', 'value', { ttl: '100s', grace: '50s' });
    const life = await world.redis.pttl(world.entry('key'));
    expect(life).toBeGreaterThan(160_000);
    expect(life).toBeLessThanOrEqual(165_000);
  });

  it('is not misled by a process whose clock is ahead: its entries live here no longer than they should', async () => {
    const ahead = await world.app({ clock: new FakeClock(clock.now() + 3_600_000) });
    const { b } = await twoApps();
    await ahead.cache.set('key', 'value', { ttl: '60s' });
    expect(await b.get('key')).toBe('value');
    await clock.advance('60s');
    expect(b.peek('key')).toBeUndefined();
  });

  it('keeps each policy in its tiers only', async () => {
    const { a, b } = await twoApps({ policies: { local: { tiers: ['memory'] }, remote: { tiers: ['redis'] } } });
    await a.set('local', 1, { policy: 'local' });
    await a.getOrLoad('remote', () => 2, { policy: 'remote' });
    await a.idle();
    expect(a.peek('local')).toBe(1);
    expect(await world.redis.exists(world.entry('local'))).toBe(0);
    expect(await b.get('local')).toBeUndefined();
    expect(a.peek('remote')).toBeUndefined();
    expect(await b.get('remote')).toBe(2);
    expect(b.peek('remote')).toBeUndefined(); // also where the reader says nothing of the policy
  });

  it('stores nothing that is too large, in no tier, and still gives it to its callers', async () => {
    const { a } = await twoApps({ maxValueBytes: 1_000 });
    const skipped = jest.fn();
    a.on('skipped', skipped);
    const large = 'x'.repeat(1_001);
    expect(await a.getOrLoad('key', () => large)).toBe(large);
    await a.set('other', 'small');
    await a.set('other', large);
    await a.idle();
    expect(skipped).toHaveBeenCalledTimes(2);
    expect([a.peek('key'), a.peek('other')]).toEqual([undefined, undefined]);
    expect(await a.get('other')).toBeUndefined(); // not the small one of before
    expect(await world.redis.get(world.entry('key'))).toHaveLength(16); // the hold ends by itself
  });

  it('works without memory: every read asks Redis', async () => {
    const { a, b } = await twoApps({ memory: false });
    await a.set('key', 'one');
    expect(await b.get('key')).toBe('one');
    await a.set('key', 'two');
    expect(await b.get('key')).toBe('two');
    expect(b.peek('key')).toBeUndefined();
    expect(b.stats().hits).toEqual({ memory: 0, redis: 2 });
  });

  it('publishes and writes nothing when it fills a miss, except the entry and its markers', async () => {
    const { a } = await twoApps();
    const seen = await commandsDuring(world, async () => {
      await a.getOrLoad('product:1', () => 1, { tags: ['x'] });
      await a.idle();
    });
    expect(seen.map(({ name }) => name).sort()).toEqual(['CLAIM', 'FILL', 'MARK', 'MGET']);
  });
});
