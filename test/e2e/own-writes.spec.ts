import { beforeEach, describe, expect, it } from '@jest/globals';
import type { CacheService } from '../../src/index.js';
import { slowLoader, until, useWorld } from './world.js';

const KEY = 'session:1';

describe.each([
  ['with memory', {}],
  ['without memory', { memory: false as const }],
])('a process, %s,', (_name, options) => {
  const world = useWorld();
  let cache: CacheService;

  beforeEach(async () => {
    ({ cache } = await world.app(options));
  });

  it('reads what it set, also right after it called set', async () => {
    await cache.set(KEY, 'one');
    const setting = cache.set(KEY, 'two');
    await setting;
    expect(await cache.get(KEY)).toBe('two');
  });

  it('reads the last of its sets, whether it waited for the others or not', async () => {
    await Promise.all(['one', 'two', 'three'].map((value) => cache.set(KEY, value)));
    expect(await cache.get(KEY)).toBe('three');
    expect(await (await world.app()).cache.get(KEY)).toBe('three');
  });

  it('reads nothing after an eviction that it called after a set, whether it waited for the set or not', async () => {
    for (let ticks = 0; ticks < 12; ticks++) {
      const setting = cache.set(KEY, 'old');
      for (let i = 0; i < ticks; i++) await Promise.resolve();
      await Promise.all([setting, cache.evict(KEY)]);
      expect(await cache.get(KEY)).toBeUndefined();
      expect(await (await world.app()).cache.get(KEY)).toBeUndefined();
    }
  });

  it('does not read an older value of its memory after a set that met an eviction of its tag', async () => {
    await cache.set(KEY, 'old');
    await cache.get(KEY);
    await Promise.all([cache.set(KEY, 'new', { tags: ['t'] }), cache.evict({ tags: ['t'] })]);
    expect(await cache.get(KEY)).not.toBe('old');
  });

  it('does not read an older value of its memory after a set whose answer met an eviction of its tag', async () => {
    const proxy = await world.proxy();
    const { cache: far } = await world.app({ ...options, url: proxy.url, tier: { commandTimeout: '5s' } });
    await far.set(KEY, 'old');
    await far.get(KEY);
    proxy.delay(200);
    const setting = far.set(KEY, 'new', { tags: ['t'] });
    await until('the set has reached Redis', async () => (await world.redis.get(world.entry(KEY)))?.endsWith('"new"'));
    const evicting = far.evict({ tags: ['t'] });
    proxy.resume();
    await Promise.all([setting, evicting]);
    expect(await far.get(KEY)).not.toBe('old');
  });

  it('does not read an older value of its memory after a write that met an eviction of its tag', async () => {
    await cache.set(KEY, 'old');
    const slow = slowLoader<string>();
    const writing = cache.write(KEY, slow.load, { tags: ['t'] });
    await slow.started;
    await cache.evict({ tags: ['t'] });
    slow.finish('new');
    await writing;
    expect(await cache.get(KEY)).not.toBe('old');
  });

  it('does not read what a load brings that began before its set', async () => {
    const slow = slowLoader();
    const loading = cache.getOrLoad(KEY, slow.load);
    await slow.started;
    await cache.set(KEY, 'set');
    expect(await cache.getOrLoad(KEY, () => 'other')).toBe('set');
    slow.finish('old');
    expect(await loading).toBe('old');
    await cache.idle();
    expect(await cache.get(KEY)).toBe('set');
  });

  it('reads nothing after setting undefined: that evicts', async () => {
    await cache.set(KEY, 'value');
    await cache.set(KEY, undefined);
    expect(await cache.get(KEY)).toBeUndefined();
    await cache.set(KEY, null);
    expect(await cache.get(KEY)).toBeNull();
  });

  it('reads nothing after a value that cannot be stored: not the one before it', async () => {
    await cache.set(KEY, 'old');
    await cache.set(KEY, () => 'a function');
    expect(await cache.get(KEY)).toBeUndefined();
    await cache.set(KEY, 'old');
    await cache.write(KEY, async () => Symbol('x'));
    expect(await cache.get(KEY)).toBeUndefined();
  });

  it('does not change what it set when the caller changes his object afterwards', async () => {
    const session = { user: 1, roles: ['reader'] };
    const setting = cache.set(KEY, session);
    session.roles.push('admin');
    await setting;
    session.user = 2;
    expect(await cache.get(KEY)).toEqual({ user: 1, roles: ['reader'] });
  });
});
