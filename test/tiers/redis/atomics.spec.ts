import { beforeEach, describe, expect, it } from '@jest/globals';
import { CacheUnavailableError } from '../../../src/index.js';
import type { SharedAtomics } from '../../../src/tiers/tier.js';
import { newVersion, until, useRig } from './rig.js';

const MINUTE = 60_000;

describe('counters, leases and rate limits in Redis', () => {
  const rig = useRig();
  let one: SharedAtomics;
  let two: SharedAtomics;
  const name = (kind: string, key: string) => `${rig.namespace}:${kind}:${key}`;

  beforeEach(async () => {
    one = (await rig.open({ commandTimeout: '10s' })).atomics;
    two = (await rig.open({ commandTimeout: '10s' })).atomics;
  });

  it('count exactly when many add at once over several connections', async () => {
    await Promise.all(
      Array.from({ length: 500 }, (_, i) => (i % 2 ? one : two).increment('hits', 1 + (i % 3), undefined)),
    );
    const sum = Array.from({ length: 500 }, (_, i) => 1 + (i % 3)).reduce((a, b) => a + b);
    expect(await one.increment('hits', 0, undefined)).toBe(sum);
  });

  it('give every adder a number of its own', async () => {
    const numbers = await Promise.all(
      Array.from({ length: 200 }, (_, i) => (i % 2 ? one : two).increment('id', 1, undefined)),
    );
    expect([...numbers].sort((a, b) => a - b)).toEqual(Array.from({ length: 200 }, (_, i) => i + 1));
  });

  it('count large, negative and fractional steps', async () => {
    expect(await one.increment('n', Number.MAX_SAFE_INTEGER - 1, undefined)).toBe(Number.MAX_SAFE_INTEGER - 1);
    expect(await one.increment('n', 1, undefined)).toBe(Number.MAX_SAFE_INTEGER);
    expect(await one.increment('m', -5, undefined)).toBe(-5);
    expect(await one.increment('m', 0.25, undefined)).toBe(-4.75);
    expect(await one.increment('m', 1e-9, undefined)).toBeCloseTo(-4.75, 5);
  });

  it('live for the ttl of the call that made them', async () => {
    await one.increment('n', 1, 30_000);
    await one.increment('n', 1, 5 * MINUTE);
    const life = await rig.redis.pttl(name('n', 'n'));
    expect(life).toBeGreaterThan(25_000);
    expect(life).toBeLessThanOrEqual(30_000);
  });

  it('live for ever when they were made without a ttl', async () => {
    await one.increment('n', 1, undefined);
    await one.increment('n', 1, 50);
    expect(await rig.redis.pttl(name('n', 'n'))).toBe(-1);
  });

  it('begin at 0 again when their life is over', async () => {
    await one.increment('n', 7, 20);
    await until('the counter expires', async () => (await rig.redis.exists(name('n', 'n'))) === 0);
    expect(await one.increment('n', 1, undefined)).toBe(1);
  });

  it('are forgotten by name', async () => {
    await one.increment('a', 1, undefined);
    await one.increment('b', 1, undefined);
    await one.forget(['a', 'absent']);
    expect(await one.increment('a', 0, undefined)).toBe(0);
    expect(await one.increment('b', 0, undefined)).toBe(1);
  });

  it('give a lease to one of many, for its time', async () => {
    const taken = await Promise.all(
      Array.from({ length: 50 }, (_, i) => (i % 2 ? one : two).acquire('job', newVersion(), 20_000)),
    );
    expect(taken.filter(Boolean)).toHaveLength(1);
    const life = await rig.redis.pttl(name('l', 'job'));
    expect(life).toBeGreaterThan(15_000);
    expect(life).toBeLessThanOrEqual(20_000);
  });

  it('let only the holder of a lease give it back', async () => {
    await one.acquire('job', 'mine', MINUTE);
    expect(await two.release('job', 'other')).toBe(false);
    expect(await two.acquire('job', 'other', MINUTE)).toBe(false);
    expect(await one.release('job', 'mine')).toBe(true);
    expect(await one.release('job', 'mine')).toBe(false);
    expect(await two.acquire('job', 'other', MINUTE)).toBe(true);
  });

  it('do not let a late holder give back the lease of the next one', async () => {
    await one.acquire('job', 'first', 20);
    await until('the lease ends', () => two.acquire('job', 'second', MINUTE));
    expect(await one.release('job', 'first')).toBe(false);
    expect(await rig.redis.get(name('l', 'job'))).toBe('second');
  });

  it('allow exactly as many calls as the limit says', async () => {
    const calls = await Promise.all(
      Array.from({ length: 60 }, (_, i) => (i % 2 ? one : two).rateLimit('login', 25, MINUTE)),
    );
    expect(calls.filter(({ allowed }) => allowed)).toHaveLength(25);
    expect(
      calls
        .filter(({ allowed }) => allowed)
        .map(({ remaining }) => remaining)
        .sort((a, b) => a - b),
    ).toEqual(Array.from({ length: 25 }, (_, i) => i));
    const refused = calls.find(({ allowed }) => !allowed);
    expect(refused?.remaining).toBe(0);
    expect(refused?.resetIn).toBeGreaterThan(MINUTE - 10_000);
    expect(refused?.resetIn).toBeLessThanOrEqual(MINUTE);
  });

  it('do not prolong the window by calls within it', async () => {
    await one.rateLimit('login', 5, 20_000);
    await one.rateLimit('login', 5, MINUTE);
    expect(await rig.redis.pttl(name('r', 'login'))).toBeLessThanOrEqual(20_000);
  });

  it('open a new window when the old one is over', async () => {
    expect((await one.rateLimit('login', 1, 30)).allowed).toBe(true);
    await until('the window ends', async () => (await one.rateLimit('login', 1, 30)).allowed);
  });

  it('allow nothing with a limit of 0', async () => {
    expect(await one.rateLimit('login', 0, MINUTE)).toEqual({ allowed: false, remaining: 0, resetIn: 0 });
  });

  it('are apart from each other under one name', async () => {
    await one.increment('x', 1, undefined);
    expect(await one.acquire('x', 'token', MINUTE)).toBe(true);
    expect((await one.rateLimit('x', 1, MINUTE)).allowed).toBe(true);
    expect(await one.increment('x', 0, undefined)).toBe(1);
  });

  it('reject when Redis cannot say: there is no safe guess', async () => {
    const tier = await rig.open();
    await tier.close();
    const calls = [
      tier.atomics.increment('n', 1, undefined),
      tier.atomics.acquire('l', 'token', MINUTE),
      tier.atomics.release('l', 'token'),
      tier.atomics.rateLimit('r', 1, MINUTE),
      tier.atomics.forget(['n']),
    ];
    for (const call of calls) await expect(call).rejects.toBeInstanceOf(CacheUnavailableError);
  });
});
