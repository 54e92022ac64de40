import { describe, expect, it, jest } from '@jest/globals';
import { SystemClock } from '../../src/engine/clock.js';
import { Undelivered } from '../../src/tiers/redis/undelivered.js';
import { forgetful } from '../tiers/redis/forgetful-client.js';
import { hookedClient, lag } from './hooked-client.js';
import { deferred, slowLoader, until, useWorld } from './world.js';

// What the simulation found (npm run simulate).
const world = useWorld();

it('who joined a load whose late tag was changed loads anew, although that load is still being stored', async () => {
  const { cache } = await world.app();
  const slow = slowLoader<string>();
  const first = cache.getOrLoad('film:1', async (context) => {
    const value = await slow.load();
    context.setTags(['late']);
    return value;
  });
  await slow.started;
  await cache.evict({ tags: ['late'] });
  const joined = cache.getOrLoad('film:1', () => 'new');
  slow.finish('old');
  expect(await Promise.all([first, joined])).toEqual(['old', 'new']);
});

it('a set that another one overtakes is not done before that one: who called it reads one of both', async () => {
  const proxy = await world.proxy();
  const { cache } = await world.app({ url: proxy.url });
  for (let round = 0; round < 20; round++) {
    await cache.set('key', 'before');
    proxy.delay(3);
    const first = cache.set('key', 'first');
    await new Promise((resolve) => setTimeout(resolve, round / 3));
    const second = cache.set('key', 'second');
    await first;
    expect(await cache.get('key')).not.toBe('before');
    await second;
    proxy.resume();
    expect(await cache.get('key')).toBe('second');
  }
});

it('what was stored and then evicted elsewhere is not put into memory when the answer to the store comes last', async () => {
  const client = hookedClient(world.client());
  const { cache } = await world.app({ tier: { client, bus: true, commandTimeout: '10s' } });
  const other = (await world.app()).cache;
  const slow = slowLoader<string>();
  const load = cache.getOrLoad('key', slow.load);
  await slow.started;
  const answer = deferred();
  client.before = (command) => (command.startsWith('EVAL') ? answer.promise : undefined);
  slow.finish('old');
  expect(await load).toBe('old');
  await until('it is in Redis', async () => (await other.get('key')) === 'old');
  const heard = cache.stats().redis?.bus?.heard as number;
  await other.evict('key');
  await until('the eviction is heard', () => (cache.stats().redis?.bus?.heard as number) > heard);
  answer.resolve();
  await cache.idle();
  expect([cache.peek('key'), await cache.get('key')]).toEqual([undefined, undefined]);
});

it('what carries the marker that this process made itself is stale once another one has changed it, heard or not', async () => {
  const { cache } = await world.app();
  const options = { tags: ['t'] };
  const [quiet, other] = await Promise.all([world.app({ tier: { bus: false } }), world.app()]);
  await cache.set('key', 'before', options);
  await cache.evict({ tags: ['t'] });
  expect(await other.cache.getOrLoad('key', () => 'old', options)).toBe('old');
  await other.cache.idle();
  await quiet.cache.evict({ tags: ['t'] }); // tells nobody
  expect(await cache.get('key')).toBeUndefined();
});

describe('a set that an eviction overtakes is not done before the old value is gone', () => {
  it('also when Redis had forgotten the script of the eviction, which is sent again, after a read', async () => {
    const { client: real, forget } = forgetful(world.client());
    const client = hookedClient(real);
    const { cache } = await world.app({ tier: { client, bus: true } });
    await cache.evict('key');
    await cache.set('key', 'before');
    forget();
    await cache.getOrLoad('other', () => 'a load, so that the script for markers is known again');
    await cache.idle();
    client.before = lag(5);
    const sent = client.sent.length;
    const set = cache.set('key', 'set');
    await until('the set asks for its markers', () => client.sent.length > sent);
    const evicting = cache.evict('key');
    await set;
    expect(await cache.get('key')).toBeUndefined();
    await evicting;
    expect(await cache.get('key')).toBeUndefined();
  });

  it('also when the eviction is of a pattern, and its search has just begun', async () => {
    const client = hookedClient(world.client());
    const { cache } = await world.app({ tier: { client } });
    await cache.set('key', 'before');
    const search = deferred();
    client.before = (command) => (command === 'SCAN' ? search.promise : undefined);
    const set = cache.set('key', 'set');
    const evicting = cache.evict({ pattern: 'k*' });
    await set;
    expect(await cache.get('key')).toBeUndefined();
    search.resolve();
    await evicting;
    expect(await cache.get('key')).toBeUndefined();
  });
});

describe('an eviction that was not delivered', () => {
  it('is not replaced by the second look at a put of the same key', () => {
    const undelivered = new Undelivered(10);
    undelivered.addKeys(['a'], 'dead');
    undelivered.addKeys(['a'], 'dead', ['version']);
    undelivered.addKeys(['b'], 'dead', ['older']);
    undelivered.addKeys(['b'], 'dead', ['newer']);
    undelivered.addKeys(['c'], 'dead', ['version']);
    undelivered.addKeys(['c'], 'dead');
    expect(undelivered.groups().map(({ names, versions }) => ({ names, versions }))).toEqual([
      { names: ['a', 'c'], versions: undefined },
      { names: ['b'], versions: ['newer'] },
    ]);
  });
});

describe('a wall clock that is set back', () => {
  it('is told of once, also to those who look at the clock themselves then', () => {
    const clock = new SystemClock();
    let told = 0;
    const stop = clock.onSetBack(() => {
      told++;
      for (let i = 0; i < 200; i++) clock.now();
    });
    for (let i = 0; i < 100; i++) clock.now();
    const now = jest.spyOn(Date, 'now');
    now.mockReturnValue(Date.now() - 60_000);
    for (let i = 0; i < 100; i++) clock.now();
    now.mockRestore();
    stop();
    expect(told).toBeGreaterThanOrEqual(1);
    expect(told).toBeLessThan(10);
  });

  it('ends the lease, and what was loaded before is not believed', async () => {
    const { cache } = await world.app({ tier: { bound: '1h' } });
    await cache.getOrLoad('film:1', () => 'value');
    await cache.idle();
    expect(cache.peek('film:1')).toBe('value');
    const now = jest.spyOn(Date, 'now');
    const real = performance.timeOrigin;
    now.mockImplementation(() => real + performance.now() - 60_000);
    try {
      await new Promise((resolve) => setTimeout(resolve, 5));
      expect(cache.peek('film:1')).toBeUndefined();
      await until('it hears itself again', () => cache.stats().redis?.bus?.lease);
      expect(await cache.get('film:1')).toBe('value');
    } finally {
      now.mockRestore();
    }
  });
});

it('a strong load with late tags is not stored, and leaves nothing older, while the process does not hear itself', async () => {
  const name = `deaf-${world.namespace.replace(/\W/g, '-')}`;
  await world.redis.call('ACL', 'SETUSER', name, 'on', '>secret', '~*', 'resetchannels', '+@all');
  world.later(() => world.redis.call('ACL', 'DELUSER', name));
  const clientOptions = { username: name, password: 'secret' };
  const { cache } = await world.app({ consistency: 'strong', tier: { clientOptions, connectTimeout: 50 } });
  const other = (await world.app()).cache;
  const value = await cache.getOrLoad('film:1', (context) => {
    context.setTags(['late']);
    return 'row 2';
  });
  expect(value).toBe('row 2');
  expect(await other.get('film:1')).toBeUndefined();
  expect(await world.redis.exists(world.entry('film:1'))).toBe(0);
});
