import { beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { CacheService } from '../../src/index.js';
import { slowLoader, useWorld } from './world.js';

const STRONG = { policies: { strong: { consistency: 'strong' as const } } };
const strong = { policy: 'strong' };

describe('the strong policy', () => {
  const world = useWorld();
  let a: CacheService;
  let b: CacheService;

  beforeEach(async () => {
    a = (await world.app(STRONG)).cache;
    b = (await world.app(STRONG)).cache;
  });

  const inRedis = async (key: string) => (await world.redis.get(world.entry(key))) ?? undefined;

  it('is never answered from memory: each read sees what another process has just written', async () => {
    for (let i = 0; i < 5; i++) {
      await b.set('cart:1', i, strong);
      expect(await a.getOrLoad('cart:1', () => 'loaded', strong)).toBe(i);
    }
    expect(a.stats().hits).toEqual({ memory: 0, redis: 5 });
    expect(a.peek('cart:1')).toBeUndefined();
  });

  it('is kept out of memory also when it is read without the policy', async () => {
    await a.getOrLoad('cart:1', () => 1, strong);
    await a.set('cart:2', 2, strong);
    await a.write('cart:3', async () => 3, strong);
    for (const cache of [a, b]) {
      for (const key of ['cart:1', 'cart:2', 'cart:3']) {
        expect(await cache.get(key)).toBe(Number(key.slice(-1)));
        expect(cache.peek(key)).toBeUndefined();
      }
    }
  });

  it('as the policy of the whole cache keeps memory empty', async () => {
    const { cache } = await world.app({ consistency: 'strong' });
    await cache.set('cart:1', 1);
    await cache.getOrLoad('cart:2', () => 2);
    await cache.getMany(['cart:1', 'cart:2']);
    expect(cache.stats().memory.entries).toBe(0);
    expect(cache.stats().hits).toEqual({ memory: 0, redis: 2 });
  });

  it('sees at once what another process evicted', async () => {
    await a.getOrLoad('cart:1', () => 'old', strong);
    await b.evict('cart:1');
    expect(await a.getOrLoad('cart:1', () => 'new', strong)).toBe('new');
    await b.evict({ prefix: 'cart:' });
    expect(await a.getOrLoad('cart:1', () => 'newer', strong)).toBe('newer');
  });

  it('never joins a load that began before: it might have read an older row', async () => {
    const first = slowLoader();
    const second = slowLoader();
    const one = a.getOrLoad('cart:1', first.load, strong);
    await first.started;
    const two = a.getOrLoad('cart:1', second.load, strong);
    await second.started;
    second.finish('second');
    expect(await two).toBe('second');
    first.finish('first');
    // The second is stored: the first adopts it instead of answering an older row after a newer one.
    expect(await one).toBe('second');
    expect(a.stats().joined).toBe(0);
  });

  it('never joins an eventual load either', async () => {
    const first = slowLoader();
    const eventual = a.getOrLoad('cart:1', first.load);
    await first.started;
    expect(await a.getOrLoad('cart:1', () => 'strong', strong)).toBe('strong');
    first.finish('eventual');
    await eventual;
    expect(a.stats().joined).toBe(0);
  });

  it('has stored what it loaded when it answers', async () => {
    expect(await a.getOrLoad('cart:1', () => 'loaded', strong)).toBe('loaded');
    expect(await b.get('cart:1')).toBe('loaded');
  });

  it('adopts what another process has put during its load', async () => {
    const slow = slowLoader();
    const read = a.getOrLoad('cart:1', slow.load, strong);
    await slow.started;
    await b.set('cart:1', 'put by b', strong);
    slow.finish('old row');
    expect(await read).toBe('put by b');
    expect(await b.get('cart:1')).toBe('put by b');
  });

  it('answers its own row, and stores nothing, when the key was evicted during its load', async () => {
    const slow = slowLoader();
    const read = a.getOrLoad('cart:1', slow.load, strong);
    await slow.started;
    await b.evict('cart:1');
    slow.finish('old row');
    expect(await read).toBe('old row');
    expect(await inRedis('cart:1')).toBeUndefined();
  });

  it('removes the hold of a load that began meanwhile, so that nobody stores an older row after its answer', async () => {
    const mine = slowLoader();
    const theirs = slowLoader();
    const read = a.getOrLoad('cart:1', mine.load, strong);
    await mine.started;
    await b.evict('cart:1');
    const other = b.getOrLoad('cart:1', theirs.load);
    await theirs.started;
    expect(await inRedis('cart:1')).toHaveLength(17); // a claimed hold
    mine.finish('row 2');
    expect(await read).toBe('row 2');
    expect(await inRedis('cart:1')).toBeUndefined();
    theirs.finish('row 1');
    expect(await other).toBe('row 1');
    await b.idle();
    expect(await inRedis('cart:1')).toBeUndefined();
    expect(b.peek('cart:1')).toBeUndefined();
  });

  it('does not adopt what a marker has killed', async () => {
    const slow = slowLoader();
    const read = a.getOrLoad('cart:1', slow.load, { ...strong, tags: ['t'] });
    await slow.started;
    await b.set('cart:1', 'dead', { ...strong, tags: ['t'] });
    await b.evict({ tags: ['t'] });
    slow.finish('row');
    expect(await read).toBe('row');
    expect(await a.get('cart:1')).toBeUndefined();
  });

  it('never answers from the memory of a process without Redis: the source does', async () => {
    const proxy = await world.proxy();
    const { cache } = await world.app({ ...STRONG, url: proxy.url });
    await cache.getOrLoad('cart:1', () => 'stored', strong);
    proxy.cut();
    const load = jest.fn(() => 'from the source');
    expect(await cache.getOrLoad('cart:1', load, strong)).toBe('from the source');
    expect(await cache.getOrLoad('cart:1', load, strong)).toBe('from the source');
    expect(load).toHaveBeenCalledTimes(2);
    proxy.restore();
  });

  it('means memory alone in a cache without Redis', async () => {
    const { cache } = await world.app({ ...STRONG, url: false });
    const load = jest.fn(() => 1);
    await cache.getOrLoad('cart:1', load, strong);
    await cache.getOrLoad('cart:1', load, strong);
    expect(load).toHaveBeenCalledTimes(1);
  });

  it('per key never goes back, while two processes read and write at random', async () => {
    let row = 0;
    const database = {
      read: async () => {
        const seen = row;
        await pause();
        return seen;
      },
      write: async () => {
        await pause();
        row++;
        const written = row;
        await pause();
        return written;
      },
    };
    const pause = () => new Promise((resolve) => setTimeout(resolve, Math.random() * 4));
    let going = true;
    let reads = 0;
    const read = async (cache: CacheService): Promise<void> => {
      let last = 0;
      while (going) {
        await new Promise((resolve) => setImmediate(resolve));
        const least = Math.max(last, completed);
        const seen = await cache.getOrLoad('row', database.read, strong);
        if (seen < least) throw new Error(`${seen} was read after ${least}`);
        last = seen;
        reads++;
      }
    };
    let completed = 0;
    const write = async (cache: CacheService, evict: boolean): Promise<void> => {
      for (let i = 0; i < 60; i++) {
        let written = 0;
        const change = async () => {
          written = await database.write();
          return written;
        };
        if (evict) {
          await change();
          await cache.evict('row');
        } else {
          await cache.write('row', change, strong);
        }
        completed = Math.max(completed, written);
        await pause();
      }
    };
    const reading = [read(a), read(a), read(b), read(b)];
    await Promise.all([write(a, false), write(b, false), write(b, true)]);
    going = false;
    await Promise.all(reading);
    expect(reads).toBeGreaterThan(100);
    expect(await a.getOrLoad('row', database.read, strong)).toBe(row);
  });
});
