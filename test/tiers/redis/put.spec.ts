import { beforeEach, describe, expect, it } from '@jest/globals';
import type { RemoteTier } from '../../../src/tiers/tier.js';
import { newVersion, until, useRig, value } from './rig.js';

const MINUTE = 60_000;

describe('puts', () => {
  const rig = useRig();
  let remote: RemoteTier;
  const key = 'session:1';
  const text = () => rig.redis.get(rig.entry(key));

  beforeEach(async () => {
    ({ remote } = await rig.open());
  });

  it.each([
    ['nothing', async () => {}],
    ['a hold', async () => void (await remote.hold(key, newVersion(), MINUTE))],
    ['another value', async () => void (await remote.put(key, undefined, value(newVersion(), 'old'), MINUTE))],
    ['a list of somebody else', async () => void (await rig.redis.rpush(rig.entry(key), 'a'))],
    ['a string of somebody else', async () => void (await rig.redis.set(rig.entry(key), 'foreign'))],
  ])('without a token stores over %s, for the life asked', async (_what, place) => {
    await place();
    expect(await remote.put(key, undefined, value(newVersion(), 'new'), 30_000)).toBe(true);
    expect(await text()).toMatch(/new$/);
    const life = await rig.redis.pttl(rig.entry(key));
    expect(life).toBeGreaterThan(25_000);
    expect(life).toBeLessThanOrEqual(30_000);
  });

  it('with the token of the hold stores', async () => {
    const token = newVersion();
    await remote.hold(key, token, MINUTE);
    expect(await remote.put(key, token, value(newVersion(), 'new'), MINUTE)).toBe(true);
    expect(await text()).toMatch(/new$/);
  });

  it('with the token of the value that is there stores', async () => {
    const token = newVersion();
    await remote.put(key, undefined, value(token, 'old'), MINUTE);
    expect(await remote.put(key, token, value(newVersion(), 'new'), MINUTE)).toBe(true);
    expect(await text()).toMatch(/new$/);
  });

  it('with a token of something else removes what is there', async () => {
    await remote.put(key, undefined, value(newVersion(), 'other'), MINUTE);
    expect(await remote.put(key, newVersion(), value(newVersion(), 'mine'), MINUTE)).toBe(false);
    expect(await text()).toBeNull();
  });

  it('with a token stores nothing where nothing is', async () => {
    expect(await remote.put(key, newVersion(), value(newVersion()), MINUTE)).toBe(false);
    expect(await text()).toBeNull();
  });

  it('with a token removes the hold of a load that began after an eviction', async () => {
    const token = newVersion();
    await remote.hold(key, token, MINUTE);
    await remote.evict([key]);
    const later = newVersion();
    await remote.hold(key, later, MINUTE);
    expect(await remote.put(key, token, value(newVersion(), 'mine'), MINUTE)).toBe(false);
    expect(await remote.fill(key, later, value(newVersion(), 'loaded'), MINUTE)).toBe(false);
    expect(await text()).toBeNull();
  });

  it('of two writers with one token: the first stores, the second removes', async () => {
    const token = newVersion();
    await remote.hold(key, token, MINUTE);
    const puts = ['first', 'second'].map((name) => remote.put(key, token, value(newVersion(), name), MINUTE));
    expect(await Promise.all(puts)).toEqual([true, false]);
    expect(await text()).toBeNull();
  });

  it('without tokens take effect in the order of the calls, across ticks and connections of one process', async () => {
    const puts: Promise<boolean>[] = [];
    for (let i = 0; i < 20; i++) {
      puts.push(remote.put(key, undefined, value(newVersion(), `number ${i}`), MINUTE));
      if (i % 3 === 0) await Promise.resolve();
      if (i % 7 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    await Promise.all(puts);
    expect(await text()).toMatch(/number 19$/);
  });

  it('end with their life', async () => {
    await remote.put(key, undefined, value(newVersion()), 20);
    await until('the value expires', async () => (await text()) === null);
    expect((await remote.read(key, [])).entry).toBeNull();
  });
});

describe('evict and expire', () => {
  const rig = useRig();
  let remote: RemoteTier;
  const key = 'session:1';
  const bytes = () => rig.redis.getBuffer(rig.entry(key));

  beforeEach(async () => {
    ({ remote } = await rig.open());
  });

  it('evict removes values, holds and foreign things, and does not mind what is absent', async () => {
    await remote.put('a', undefined, value(newVersion()), MINUTE);
    await remote.hold('b', newVersion(), MINUTE);
    await rig.redis.rpush(rig.entry('c'), 'x');
    await remote.evict(['a', 'b', 'c', 'absent']);
    expect(await rig.redis.exists(...['a', 'b', 'c'].map(rig.entry))).toBe(0);
  });

  it('evict removes no other key', async () => {
    await remote.put('a', undefined, value(newVersion()), MINUTE);
    await remote.put('ab', undefined, value(newVersion()), MINUTE);
    await remote.evict(['a']);
    expect(await rig.redis.exists(rig.entry('ab'))).toBe(1);
  });

  it('expire gives a value a new version and the mark, and keeps the rest and its life', async () => {
    const version = newVersion();
    const before = value(version, 'kept');
    await remote.put(key, undefined, before, 30_000);
    await remote.expire([key]);
    const after = (await bytes()) as Buffer;
    expect(after.length).toBe(before.length);
    expect(after.toString('latin1', 0, 16)).not.toBe(version);
    expect(after.toString('latin1', 16)).toBe('S1x0kept');
    const life = await rig.redis.pttl(rig.entry(key));
    expect(life).toBeGreaterThan(25_000);
    expect(life).toBeLessThanOrEqual(30_000);
  });

  it('expire gives every value a version of its own', async () => {
    for (const name of ['a', 'b']) await remote.put(name, undefined, value(newVersion()), MINUTE);
    await remote.expire(['a', 'b']);
    const found = await rig.redis.mget(rig.entry('a'), rig.entry('b'));
    expect(new Set(found.map((text) => text?.slice(0, 16))).size).toBe(2);
  });

  it('expire removes a hold, so that the load under way stores nothing', async () => {
    const token = newVersion();
    await remote.hold(key, token, MINUTE);
    await remote.expire([key]);
    expect(await bytes()).toBeNull();
    expect(await remote.fill(key, token, value(newVersion()), MINUTE)).toBe(false);
  });

  it('expire makes nothing where nothing is, and removes what is foreign', async () => {
    await rig.redis.hset(rig.entry('hash'), 'a', 'b');
    await rig.redis.set(rig.entry('short'), 'foreign');
    await remote.expire([key, 'hash', 'short']);
    expect(await rig.redis.exists(rig.entry(key), rig.entry('hash'), rig.entry('short'))).toBe(0);
  });

  it('lets a load refresh an expired value with its new version', async () => {
    await remote.put(key, undefined, value(newVersion(), 'old'), MINUTE);
    await remote.expire([key]);
    const token = ((await remote.read(key, [])).entry as Buffer).toString('latin1', 0, 16);
    expect(await remote.fill(key, token, value(newVersion(), 'new'), MINUTE)).toBe(true);
    expect((await bytes())?.toString()).toMatch(/S1v0new$/);
  });
});
