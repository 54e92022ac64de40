import { beforeEach, describe, expect, it } from '@jest/globals';
import { CacheUnavailableError } from '../../../src/index.js';
import type { RemoteTier } from '../../../src/tiers/tier.js';
import { type OpenTier, until, useRig } from './rig.js';

const MINUTE = 60_000;
const TAG = 't:sale';

describe('markers', () => {
  const rig = useRig();
  let tier: OpenTier;
  let remote: RemoteTier;
  const life = (name = TAG) => rig.redis.pttl(rig.marker(name));
  const read = async (...names: string[]) => (await remote.read(undefined, names)).markers;

  beforeEach(async () => {
    tier = await rig.open();
    ({ remote } = tier);
  });

  it('are made by the load that needs them, each with a value of its own, for the time asked', async () => {
    const made = await remote.mark(['*', TAG], MINUTE);
    expect(made.map((value) => value.length)).toEqual([32, 32]);
    expect(made[0]).not.toBe(made[1]);
    expect(await rig.redis.mget(rig.marker('*'), rig.marker(TAG))).toEqual(made);
    expect(await life()).toBeGreaterThan(MINUTE - 5_000);
    expect(await life()).toBeLessThanOrEqual(MINUTE);
  });

  it('are read as they are by everybody after', async () => {
    const made = await remote.mark([TAG], MINUTE);
    const other = await rig.open();
    expect(await other.remote.mark([TAG], MINUTE)).toEqual(made);
    expect(await read(TAG)).toEqual(made);
  });

  it('are not made by a read', async () => {
    expect(await read(TAG, '*')).toEqual([null, null]);
    expect(await rig.redis.exists(rig.marker(TAG))).toBe(0);
  });

  it('live on with every load that relies on them, and never shorter than before', async () => {
    await remote.mark([TAG], MINUTE);
    await remote.mark([TAG], 5 * MINUTE);
    expect(await life()).toBeGreaterThan(4 * MINUTE);
    await remote.mark([TAG], 10);
    expect(await life()).toBeGreaterThan(4 * MINUTE);
  });

  it('asked for in the same tick live for the longest of the times asked', async () => {
    const list = ['*', 'p:product:'];
    await Promise.all([remote.mark(list, 50), remote.mark(list, 5 * MINUTE), remote.mark(['*'], 70)]);
    expect(await life('*')).toBeGreaterThan(4 * MINUTE);
    expect(await life('p:product:')).toBeGreaterThan(4 * MINUTE);
  });

  it('asked for in the same tick are the same for all who asked', async () => {
    const [one, two, three] = await Promise.all([
      remote.mark(['*', TAG], MINUTE),
      remote.mark(['*'], MINUTE),
      remote.mark([TAG], MINUTE),
    ]);
    expect([two?.[0], three?.[0]]).toEqual(one);
  });

  it('killed have both halves new, and their life goes on', async () => {
    const [before = ''] = await remote.mark([TAG], MINUTE);
    await remote.change([TAG], 'dead');
    const [after] = await read(TAG);
    expect(after).toHaveLength(32);
    expect(after?.slice(0, 16)).not.toBe(before.slice(0, 16));
    expect(after?.slice(16)).not.toBe(before.slice(16));
    expect(await life()).toBeGreaterThan(MINUTE - 5_000);
  });

  it('expired have only the second half new, and their life goes on', async () => {
    const [before = ''] = await remote.mark([TAG], MINUTE);
    await remote.change([TAG], 'expired');
    const [after] = await read(TAG);
    expect(after?.slice(0, 16)).toBe(before.slice(0, 16));
    expect(after?.slice(16)).not.toBe(before.slice(16));
    expect(await life()).toBeGreaterThan(MINUTE - 5_000);
  });

  it('that do not exist are not made by a change: what carried them is stale already', async () => {
    await remote.change([TAG], 'dead');
    await remote.change([TAG], 'expired');
    expect(await rig.redis.exists(rig.marker(TAG))).toBe(0);
  });

  it('change one by one: the others of the list are as before', async () => {
    const [all] = await remote.mark(['*', 't:a', 't:b'], MINUTE);
    await remote.change(['t:a', 't:b'], 'dead');
    expect((await read('*'))[0]).toBe(all);
    const [a, b] = await read('t:a', 't:b');
    expect(a).not.toBe(b);
  });

  it('that expired or were lost come back with another value', async () => {
    const [before] = await remote.mark([TAG], 20);
    await until('the marker expires', async () => (await rig.redis.exists(rig.marker(TAG))) === 0);
    expect(await read(TAG)).toEqual([null]);
    const [after] = await remote.mark([TAG], MINUTE);
    expect(after).not.toBe(before);
  });

  it.each([
    ['a list', (name: string) => rig.redis.rpush(name, 'a')],
    ['a short string', (name: string) => rig.redis.set(name, 'foreign')],
    ['a long string', (name: string) => rig.redis.set(name, 'x'.repeat(33))],
    ['an empty string', (name: string) => rig.redis.set(name, '')],
  ])('replace %s that stands under their name', async (_what, place) => {
    await place(rig.marker(TAG));
    const [made] = await remote.mark([TAG], MINUTE);
    expect(made).toHaveLength(32);
    expect(await rig.redis.get(rig.marker(TAG))).toBe(made);
    expect(await life()).toBeGreaterThan(MINUTE - 5_000);
  });

  it.each(['dead', 'expired'] as const)('change to %s does not fail over something foreign', async (change) => {
    const [other] = await remote.mark(['t:other'], MINUTE);
    await rig.redis.rpush(rig.marker(TAG), 'a');
    await rig.redis.set(rig.marker('t:short'), 'foreign');
    await remote.change([TAG, 't:short', 't:other'], change);
    expect(await rig.redis.exists(rig.marker(TAG), rig.marker('t:short'))).toBe(0);
    expect((await read('t:other'))[0]).not.toBe(other);
    expect(remote.stats().undelivered).toBe(0);
  });

  it('survive a server that refuses to write: a load that fails there must not make everything stale', async () => {
    const made = await remote.mark([TAG], MINUTE);
    // As with a full memory and noeviction: SET is refused, UNLINK is not.
    const refused = await rig.open({ client: await rig.userWithout('-set') });
    await expect(refused.remote.mark([TAG], MINUTE)).rejects.toThrow(CacheUnavailableError);
    expect(await read(TAG)).toEqual(made);
  });

  it('with odd names are told apart', async () => {
    const names = ['t:a', 't:a:', 't:{a}', 't:%7ba%7d', 't:ä', 't:\u0000', 't:\ud800', 't:\udbff', 'p:a:', 't:*', '*'];
    const made = await remote.mark(names, MINUTE);
    expect(new Set(made).size).toBe(names.length);
    expect(await read(...names)).toEqual(made);
    await remote.change(['t:\ud800'], 'dead');
    const after = await read(...names);
    expect(names.filter((_name, i) => after[i] !== made[i])).toEqual(['t:\ud800']);
  });
});
