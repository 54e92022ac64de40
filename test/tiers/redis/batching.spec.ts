import { beforeEach, describe, expect, it } from '@jest/globals';
import { CacheUnavailableError } from '../../../src/index.js';
import type { RemoteTier } from '../../../src/tiers/tier.js';
import { commandsDuring, newVersion, type SeenCommand, useRig, value } from './rig.js';

const MINUTE = 60_000;
const names = (commands: SeenCommand[]) => commands.map((command) => command.name);
const keyNames = (count: number) => Array.from({ length: count }, (_, i) => `key:${i}`);

describe('what is asked in one tick', () => {
  const rig = useRig();
  let remote: RemoteTier;

  beforeEach(async () => {
    ({ remote } = await rig.open());
  });

  it('is read by one MGET, in which each marker stands once', async () => {
    const seen = await commandsDuring(rig, () =>
      Promise.all(keyNames(50).map((key) => remote.read(key, ['*', `p:${key[0]}:`]))),
    );
    expect(names(seen)).toEqual(['MGET']);
    expect(seen[0]?.args).toHaveLength(50 + 2);
    expect(new Set(seen[0]?.args).size).toBe(52);
  });

  it('gives each reader its own answer', async () => {
    await remote.put('key:1', undefined, value(newVersion(), 'one'), MINUTE);
    const [marker] = await remote.mark(['t:x'], MINUTE);
    const [one, two, three] = await Promise.all([
      remote.read('key:1', ['t:x', 't:y']),
      remote.read('key:2', []),
      remote.read(undefined, ['t:y', 't:x']),
    ]);
    expect(one?.entry?.toString()).toMatch(/one$/);
    expect(one?.markers).toEqual([marker, null]);
    expect(two).toEqual({ entry: null, markers: [] });
    expect(three).toEqual({ entry: null, markers: [null, marker] });
  });

  it('travels together also when it is asked after the same answer', async () => {
    const seen = await commandsDuring(rig, async () => {
      const first = remote.read('first', []);
      await Promise.all(keyNames(10).map((key) => first.then(() => remote.read(key, ['*']))));
    });
    expect(names(seen)).toEqual(['MGET', 'MGET']);
  });

  it('is split when it is more than 128 keys, and every reader is answered', async () => {
    const keys = keyNames(300);
    for (const key of [keys[0], keys[150], keys[299]]) {
      await remote.put(key as string, undefined, value(newVersion(), key), MINUTE);
    }
    let found: string[] = [];
    const seen = await commandsDuring(rig, async () => {
      const reads = await Promise.all(keys.map((key) => remote.read(key, ['*'])));
      found = reads.flatMap(({ entry }) => (entry ? [entry.toString().slice(20)] : []));
    });
    expect(names(seen)).toEqual(['MGET', 'MGET', 'MGET']);
    expect(Math.max(...seen.map(({ args }) => args.length))).toBeLessThanOrEqual(130);
    expect(found).toEqual(['key:0', 'key:150', 'key:299']);
  });

  it('holds, marks, fills and evicts by one command each', async () => {
    const keys = keyNames(40);
    const tokens = keys.map(() => newVersion());
    const seen = await commandsDuring(rig, async () => {
      await Promise.all(
        keys.flatMap((key, i) => [remote.hold(key, tokens[i] as string, MINUTE), remote.mark(['*'], MINUTE)]),
      );
      await Promise.all(keys.map((key, i) => remote.fill(key, tokens[i] as string, value(newVersion()), MINUTE)));
      await Promise.all(keys.map((key) => remote.put(key, undefined, value(newVersion()), MINUTE)));
      await Promise.all(keys.map((key) => remote.evict([key])));
    });
    expect(names(seen).sort()).toEqual(['FILL', 'HOLD', 'MARK', 'PUT', 'UNLINK']);
    expect(await rig.redis.exists(...keys.map(rig.entry))).toBe(0);
  });

  it('splits stores by their bytes, so that a large one delays few others', async () => {
    const large = 'x'.repeat(100 * 1024);
    const seen = await commandsDuring(rig, () =>
      Promise.all(keyNames(6).map((key) => remote.put(key, undefined, value(newVersion(), large), MINUTE))),
    );
    expect(names(seen)).toEqual(['PUT', 'PUT', 'PUT']);
    for (const key of keyNames(6)) expect(await rig.redis.strlen(rig.entry(key))).toBe(large.length + 20);
  });

  it('sends one value that is larger than a command should be', async () => {
    const bytes = Buffer.concat([value(newVersion()), Buffer.alloc(2_000_000, 7)]);
    expect(await remote.put('large', undefined, bytes, MINUTE)).toBe(true);
    expect((await remote.read('large', [])).entry?.equals(bytes)).toBe(true);
  });

  it('reads what was written in the same tick', async () => {
    const [, read] = await Promise.all([
      remote.put('key', undefined, value(newVersion(), 'new'), MINUTE),
      remote.read('key', []),
    ]);
    expect(read.entry?.toString()).toMatch(/new$/);
  });

  it('lets an eviction that was called after a put have the last word', async () => {
    await Promise.all([remote.put('key', undefined, value(newVersion()), MINUTE), remote.evict(['key'])]);
    expect(await rig.redis.exists(rig.entry('key'))).toBe(0);
  });

  it('lets a put that was called after an eviction have the last word', async () => {
    await Promise.all([remote.evict(['key']), remote.put('key', undefined, value(newVersion(), 'new'), MINUTE)]);
    expect(await rig.redis.get(rig.entry('key'))).toMatch(/new$/);
  });

  it('lets an expire that was called after a put have the last word', async () => {
    await Promise.all([remote.put('key', undefined, value(newVersion()), MINUTE), remote.expire(['key'])]);
    expect(await rig.redis.get(rig.entry('key'))).toMatch(/^.{16}S1x/);
  });
});

describe('a request that fails', () => {
  const rig = useRig();

  it('fails no request of another kind in the same tick', async () => {
    const { remote } = await rig.open({ client: await rig.userWithout('-eval', '-evalsha') });
    await rig.redis.set(rig.entry('key'), value(newVersion(), 'there'));
    const [held, marked, read, evicted] = await Promise.allSettled([
      remote.hold('key', newVersion(), MINUTE),
      remote.mark(['*'], MINUTE),
      remote.read('key', ['*']),
      remote.evict(['other']),
    ]);
    expect([held.status, marked.status, read.status, evicted.status]).toEqual([
      'rejected',
      'rejected',
      'fulfilled',
      'fulfilled',
    ]);
    expect((held as PromiseRejectedResult).reason).toBeInstanceOf(CacheUnavailableError);
  });

  it('fails no other one because of a foreign type', async () => {
    const { remote } = await rig.open();
    await rig.redis.rpush(rig.entry('list'), 'a');
    await rig.redis.rpush(rig.marker('t:list'), 'a');
    const token = newVersion();
    await remote.hold('key', token, MINUTE);
    const [read, list, marks, filled, refused] = await Promise.all([
      remote.read('key', ['t:list', '*']),
      remote.read('list', []),
      remote.mark(['t:list', '*'], MINUTE),
      remote.fill('key', token, value(newVersion()), MINUTE),
      remote.fill('list', newVersion(), value(newVersion()), MINUTE),
    ]);
    expect(read.markers).toEqual(marks);
    expect(list.entry).toBeNull();
    expect(marks.every((mark) => mark.length === 32)).toBe(true);
    expect([filled, refused]).toEqual([true, false]);
  });

  it('leaves none of those that waited with it without an answer', async () => {
    const { remote, close } = await rig.open();
    await close();
    const all = await Promise.allSettled(keyNames(300).map((key) => remote.read(key, ['*'])));
    expect(all.every((one) => one.status === 'rejected')).toBe(true);
  });
});
