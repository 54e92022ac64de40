import { beforeEach, describe, expect, it } from '@jest/globals';
import type { CacheService } from '../../src/index.js';
import { slowLoader, type TestApp, until, useWorld } from './world.js';

const world = useWorld();

/** Two apps with one namespace: as good as two processes. */
let a: CacheService;
let b: CacheService;
let appB: TestApp;

beforeEach(async () => {
  a = (await world.app()).cache;
  appB = await world.app({ policies: { local: { tiers: ['memory'] } } });
  b = appB.cache;
});

/** Brings a value into the memory of both. */
async function spread(key: string, value: unknown, tags: string[] = []): Promise<void> {
  await a.set(key, value, { tags });
  await until(
    'it is in the memory of the other one',
    async () => (await b.get(key)) === value && b.peek(key) === value,
  );
}

const gone = (key: string): Promise<unknown> => until('the other one hears', () => b.peek(key) === undefined);

describe('what another process has in memory', () => {
  it.each<[string, () => Promise<void>]>([
    ['an eviction of its key', () => a.evict('film:1')],
    ['an eviction of several keys', () => a.evict(['film:0', 'film:1'])],
    ['an eviction of its tag', () => a.evict({ tags: ['new'] })],
    ['an eviction of its prefix', () => a.evict({ prefix: 'film:' })],
    ['an eviction of a pattern', () => a.evict({ pattern: 'fi*:1' })],
    ['clear', () => a.clear()],
    ['expire', () => a.expire('film:1')],
    ['expire of its tag', () => a.expire({ tags: ['new'] })],
    ['a write', async () => void (await a.write('film:1', async () => 'new'))],
    ['a set', () => a.set('film:1', 'new')],
  ])('is not served after %s', async (_name, change) => {
    await spread('film:1', 'old', ['new']);
    await spread('book:1', 'kept');
    await change();
    await gone('film:1');
    expect(await b.get('film:1')).not.toBe('old');
  });

  it('stays when something else is evicted', async () => {
    await spread('film:1', 'one', ['x']);
    await a.evict('film:2');
    await a.evict({ tags: ['y'] });
    await a.evict({ prefix: 'book:' });
    await a.set('sentinel', 1);
    await spread('end', 'heard');
    expect(b.peek('film:1')).toBe('one');
  });

  it('is forgotten too where Redis never had it', async () => {
    await b.getOrLoad('film:1', () => 'local', { policy: 'local' });
    await b.getOrLoad('film:2', () => 'local', { policy: 'local' });
    await a.evict({ pattern: 'film:*1' });
    await gone('film:1');
    expect(b.peek('film:2')).toBe('local');
    await a.evict('film:2');
    await gone('film:2');
  });

  it('stays when the message is of the very version it has', async () => {
    for (let round = 0; round < 20; round++) {
      const setting = a.set('key', round);
      // The message may come before, during or after a read of the new value.
      await until('the new value is read', async () => (await b.get('key')) === round);
      await setting;
      await spread('end', `heard ${round}`);
      expect(b.peek('key') ?? (await b.get('key'))).toBe(round);
    }
  });
});

describe('a load of another process', () => {
  it('that began before an eviction brings nothing old into its memory, and takes no new callers', async () => {
    const slow = slowLoader<string>();
    const first = b.getOrLoad('film:1', slow.load);
    await slow.started;
    await a.evict('film:1');
    await spread('end', 'heard');
    expect(await b.getOrLoad('film:1', () => 'new')).toBe('new');
    slow.finish('old');
    expect(await first).toBe('old');
    await b.idle();
    expect([b.peek('film:1'), await b.get('film:1')]).toEqual(['new', 'new']);
  });

  it('is not stored when a tag that only its result tells was evicted meanwhile', async () => {
    const slow = slowLoader<string>();
    const load = b.getOrLoad('film:1', async (context) => {
      const value = await slow.load();
      context.setTags(['late']);
      return value;
    });
    await slow.started;
    await a.evict({ tags: ['late'] });
    slow.finish('old');
    expect(await load).toBe('old');
    await b.idle();
    expect([b.peek('film:1'), await b.get('film:1'), await a.get('film:1')]).toEqual([undefined, undefined, undefined]);
    // And without an eviction it is.
    const again = await b.getOrLoad('film:1', (context) => {
      context.setTags(['late']);
      return 'new';
    });
    await b.idle();
    expect([again, await a.get('film:1')]).toEqual(['new', 'new']);
  });
});

describe('a connection that hears, and breaks,', () => {
  it('leaves nothing in memory that may have been changed meanwhile', async () => {
    await spread('film:1', 'old');
    const admin = world.client();
    const gaps = b.stats().redis?.bus?.gaps as number;
    await Promise.all([admin.call('CLIENT', 'KILL', 'TYPE', 'pubsub'), a.evict('film:1')]);
    await until('it hears again', () => (b.stats().redis?.bus?.gaps as number) > gaps);
    expect(b.peek('film:1')).toBeUndefined();
    expect(b.stats().errors).toBe(0);
  });

  it('flags reads and loads under way', async () => {
    const slow = slowLoader<string>();
    const first = b.getOrLoad('film:1', slow.load);
    await slow.started;
    const gaps = b.stats().redis?.bus?.gaps as number;
    await world.client().call('CLIENT', 'KILL', 'TYPE', 'pubsub');
    await until('it hears again', () => (b.stats().redis?.bus?.gaps as number) > gaps);
    slow.finish('old');
    expect(await first).toBe('old');
    await b.idle();
    expect(b.peek('film:1')).toBeUndefined();
  });
});

describe('messages of another version', () => {
  it.each(['not JSON', '[]', '["x"]', '["sender","z","d","what"]', '["sender","k","d",1]'])(
    'that cannot be read (%s) make memory begin anew',
    async (message) => {
      await spread('film:1', 'old');
      await world.redis.publish(`${world.namespace}:!bus`, message);
      await gone('film:1');
      expect(appB.errors).toMatchObject([{ operation: 'bus' }]);
    },
  );
});
