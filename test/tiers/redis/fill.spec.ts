import { beforeEach, describe, expect, it } from '@jest/globals';
import { CacheUnavailableError } from '../../../src/index.js';
import type { RemoteTier } from '../../../src/tiers/tier.js';
import { newVersion, until, useRig, value } from './rig.js';

const MINUTE = 60_000;

describe('holds and fills', () => {
  const rig = useRig();
  let remote: RemoteTier;
  const key = 'product:1';
  const inRedis = () => rig.redis.getBuffer(rig.entry(key));

  beforeEach(async () => {
    ({ remote } = await rig.open());
  });

  /** Places a hold, as a load does before it begins. */
  async function hold(life = MINUTE): Promise<string> {
    const version = newVersion();
    expect(await remote.hold(key, version, life)).toBeNull();
    return version;
  }

  it('reads nothing where nothing is', async () => {
    expect(await remote.read(key, ['*'])).toEqual({ entry: null, markers: [null] });
  });

  it('places a hold for the time asked', async () => {
    const version = await hold(20_000);
    expect((await inRedis())?.toString()).toBe(version);
    const life = await rig.redis.pttl(rig.entry(key));
    expect(life).toBeGreaterThan(15_000);
    expect(life).toBeLessThanOrEqual(20_000);
  });

  it('shares a hold among loaders, and a later one does not prolong it', async () => {
    const version = await hold(20_000);
    expect((await remote.hold(key, newVersion(), MINUTE))?.toString()).toBe(version);
    expect((await inRedis())?.toString()).toBe(version);
    expect(await rig.redis.pttl(rig.entry(key))).toBeLessThanOrEqual(20_000);
  });

  it('answers a hold with the value that is there', async () => {
    const bytes = value(newVersion());
    await remote.put(key, undefined, bytes, MINUTE);
    expect(await remote.hold(key, newVersion(), MINUTE)).toEqual(bytes);
    expect(await inRedis()).toEqual(bytes);
  });

  it('fills over the hold the load began with, for the life of the value', async () => {
    const token = await hold();
    const bytes = value(newVersion());
    expect(await remote.fill(key, token, bytes, 30_000)).toBe(true);
    expect(await remote.read(key, [])).toEqual({ entry: bytes, markers: [] });
    const life = await rig.redis.pttl(rig.entry(key));
    expect(life).toBeGreaterThan(25_000);
    expect(life).toBeLessThanOrEqual(30_000);
  });

  it('fills over the value a refresh began with', async () => {
    const old = newVersion();
    await remote.put(key, undefined, value(old, 'old'), MINUTE);
    expect(await remote.fill(key, old, value(newVersion(), 'new'), MINUTE)).toBe(true);
    expect((await inRedis())?.toString()).toMatch(/new$/);
  });

  it('lets the first of two loaders fill that share a hold, and refuses the second', async () => {
    const token = await hold();
    expect(await remote.fill(key, token, value(newVersion(), 'first'), MINUTE)).toBe(true);
    expect(await remote.fill(key, token, value(newVersion(), 'second'), MINUTE)).toBe(false);
    expect((await inRedis())?.toString()).toMatch(/first$/);
  });

  it('refuses a fill when both fills come in the same command', async () => {
    const token = await hold();
    const fills = ['first', 'second'].map((text) => remote.fill(key, token, value(newVersion(), text), MINUTE));
    expect(await Promise.all(fills)).toEqual([true, false]);
    expect((await inRedis())?.toString()).toMatch(/first$/);
  });

  it('refuses a fill, and leaves nothing, when the key was evicted during the load', async () => {
    const token = await hold();
    await remote.evict([key]);
    expect(await remote.fill(key, token, value(newVersion()), MINUTE)).toBe(false);
    expect(await inRedis()).toBeNull();
  });

  it('refuses a fill when somebody else deleted the key', async () => {
    const token = await hold();
    await rig.redis.del(rig.entry(key));
    expect(await remote.fill(key, token, value(newVersion()), MINUTE)).toBe(false);
    expect(await inRedis()).toBeNull();
  });

  it('refuses a fill when the hold expired', async () => {
    const token = await hold(20);
    await until('the hold expires', async () => (await inRedis()) === null);
    expect(await remote.fill(key, token, value(newVersion()), MINUTE)).toBe(false);
    expect(await inRedis()).toBeNull();
  });

  it('refuses a fill after a put, and keeps the put', async () => {
    const token = await hold();
    await remote.put(key, undefined, value(newVersion(), 'put'), MINUTE);
    expect(await remote.fill(key, token, value(newVersion(), 'loaded'), MINUTE)).toBe(false);
    expect((await inRedis())?.toString()).toMatch(/put$/);
  });

  it('refuses a fill when the hold is a new one after an eviction', async () => {
    const token = await hold();
    await remote.evict([key]);
    const second = await hold();
    expect(await remote.fill(key, token, value(newVersion(), 'old'), MINUTE)).toBe(false);
    expect(await remote.fill(key, second, value(newVersion(), 'new'), MINUTE)).toBe(true);
  });

  it('refuses a fill after expire', async () => {
    const old = newVersion();
    await remote.put(key, undefined, value(old, 'old'), MINUTE);
    await remote.expire([key]);
    expect(await remote.fill(key, old, value(newVersion(), 'loaded'), MINUTE)).toBe(false);
    expect((await inRedis())?.toString()).toMatch(/old$/);
  });

  it.each([
    ['nothing', async () => {}],
    ['a list', async () => void (await rig.redis.rpush(rig.entry(key), 'a'))],
    ['a hash', async () => void (await rig.redis.hset(rig.entry(key), 'a', 'b'))],
    ['an empty string', async () => void (await rig.redis.set(rig.entry(key), ''))],
    ['a short string', async () => void (await rig.redis.set(rig.entry(key), 'short'))],
  ])('refuses a fill with a token of something else over %s', async (_what, place) => {
    await place();
    const before = await rig.redis.dumpBuffer(rig.entry(key));
    for (const token of [newVersion(), 'foreign', '', 'short']) {
      expect(await remote.fill(key, token, value(newVersion()), MINUTE)).toBe(false);
    }
    expect(await rig.redis.dumpBuffer(rig.entry(key))).toEqual(before);
  });

  it('keeps each key of one command apart from the others', async () => {
    const tokens = await Promise.all(
      ['a', 'b', 'c'].map(async (name) => {
        const version = newVersion();
        await remote.hold(name, version, MINUTE);
        return version;
      }),
    );
    await remote.evict(['b']);
    const filled = ['a', 'b', 'c'].map((name, i) =>
      remote.fill(name, tokens[i] as string, value(newVersion(), name), MINUTE),
    );
    expect(await Promise.all(filled)).toEqual([true, false, true]);
    expect(await rig.redis.exists(rig.entry('b'))).toBe(0);
  });
});

describe('foreign things under our names', () => {
  const rig = useRig();
  const key = 'product:1';

  it('fills over bytes that are no text, with what a read gives as their version', async () => {
    const { remote } = await rig.open();
    const bytes = Buffer.from(Array.from({ length: 40 }, (_, i) => (i * 37 + 128) % 256));
    await rig.redis.set(rig.entry(key), bytes);
    const { entry } = await remote.read(key, []);
    expect(entry).toEqual(bytes);
    const token = bytes.toString('latin1', 0, 16);
    expect(await remote.fill(key, token, value(newVersion(), 'repaired'), MINUTE)).toBe(true);
    expect(await rig.redis.get(rig.entry(key))).toMatch(/repaired$/);
  });

  it('puts over bytes that are no text, with what a hold gives as their version', async () => {
    const { remote } = await rig.open();
    const bytes = Buffer.alloc(20, 0xe9);
    await rig.redis.set(rig.entry(key), bytes);
    expect(await remote.hold(key, newVersion(), MINUTE)).toEqual(bytes);
    expect(await remote.put(key, bytes.toString('latin1', 0, 16), value(newVersion(), 'new'), MINUTE)).toBe(true);
    expect(await rig.redis.get(rig.entry(key))).toMatch(/new$/);
  });

  it.each([
    ['a list', (name: string) => rig.redis.rpush(name, 'a')],
    ['a hash', (name: string) => rig.redis.hset(name, 'a', 'b')],
    ['a sorted set', (name: string) => rig.redis.zadd(name, 1, 'a')],
    ['a stream', (name: string) => rig.redis.xadd(name, '*', 'a', 'b')],
    ['an empty string', (name: string) => rig.redis.set(name, '')],
    ['a string too short for a version', (name: string) => rig.redis.set(name, 'fifteen letters')],
  ])('replaces %s by the hold, and tells', async (_what, place) => {
    const { remote, errors } = await rig.open();
    await place(rig.entry(key));
    const version = newVersion();
    expect(await remote.hold(key, version, MINUTE)).toBeNull();
    expect(errors).toEqual([{ operation: 'hold', error: expect.any(Error) }]);
    expect(await remote.fill(key, version, value(newVersion(), 'repaired'), MINUTE)).toBe(true);
    expect(await rig.redis.get(rig.entry(key))).toMatch(/repaired$/);
    const life = await rig.redis.pttl(rig.entry(key));
    expect(life).toBeGreaterThan(MINUTE - 5_000);
  });

  it('does not take an error for something foreign: nothing is removed when a hold cannot be placed', async () => {
    const user = await rig.userWithout('-set');
    const { remote } = await rig.open({ client: user });
    await rig.redis.set(rig.entry(key), value(newVersion(), 'kept'));
    await expect(remote.hold(key, newVersion(), MINUTE)).rejects.toThrow(CacheUnavailableError);
    expect(await rig.redis.get(rig.entry(key))).toMatch(/kept$/);
  });
});
