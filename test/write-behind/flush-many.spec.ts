import { describe, expect, it, jest } from '@jest/globals';
import { SystemClock } from '../../src/engine/clock.js';
import type { RemoteServer } from '../../src/tiers/tier.js';
import { BufferedEntity } from '../../src/write-behind/entity.js';
import { RedisBuffer } from '../../src/write-behind/redis/redis-buffer.js';
import * as scripts from '../../src/write-behind/redis/scripts.js';
import { byShard } from '../../src/write-behind/shard-of.js';
import { uniqueNamespace } from '../support/services.js';
import { usual } from './contract/open-buffer.js';
import { useBuffers } from './contract/redis-rig.js';
import { FakeTable } from './fake-table.js';
import { ids, versionOf } from './rig.js';

/** Most keys in one command: a script over more would keep Redis from all others for too long. */
const MOST = 128;

describe('many ids at once', () => {
  const rig = useBuffers();

  /** An entity of one shard in Redis, and what was sent: the name and how many keys it was about. */
  const open = async () => {
    const sent: [string, number][] = [];
    const server = Object.create(rig.server) as RemoteServer;
    const names = new Map<unknown, string>(Object.entries(scripts).map(([name, script]) => [script, name]));
    server.run = (script, keys, args, ordered) => {
      const name = names.get(script) ?? '?';
      sent.push([name, name === 'REPLAY' ? args.length - 1 : args.length]);
      return rig.server.run(script, keys, args, ordered);
    };
    server.send = (command, args) => {
      sent.push([command, args.length - 1]);
      return rig.server.send(command, args);
    };
    const buffer = new RedisBuffer(
      server,
      uniqueNamespace(),
      'Product',
      { ...usual, shards: 1, rowAttempts: 1 },
      () => 0,
    );
    await buffer.start();
    const table = new FakeTable();
    const flush = jest.fn(async () => {
      const claim = await buffer.claim(0, { owner: 'a', lease: 10_000, limit: 1_000, ahead: 0 });
      if (claim.status === 'claimed' && claim.writes.length > 0) await buffer.ack(0, claim.writes);
    });
    const host = {
      clock: new SystemClock(),
      wake: () => undefined,
      flush,
      figures: () => ({ batches: 0, rowsPerSecond: 0, retries: 0, outdated: 0 }),
    };
    const settings = { name: 'Product', shards: 1, overflow: 'reject', writeTimeout: 10_000, replicas: 0 } as const;
    const entity = new BufferedEntity(buffer, () => table, host, settings);
    const put = async (keys: readonly string[]): Promise<void> => {
      const all = keys.map((key) => ({ key, operation: 'upsert' as const, payload: `{"id":"${key}","n":1}` }));
      expect((await buffer.write(0, all)).map(versionOf).length).toBe(keys.length);
      sent.length = 0;
    };
    const keysOf = (name: string): number[] => sent.filter(([other]) => other === name).map(([, keys]) => keys);
    return { buffer, table, entity, flush, put, sent, keysOf };
  };

  it('are flushed with small commands, each id asked about once, in one run of the shard', async () => {
    const { table, entity, flush, put, keysOf } = await open();
    const all = Array.from({ length: 20_000 }, (_, i) => `p${i}`);
    await put(all.filter((_, i) => i % 100 === 0));
    const encode = jest.spyOn(table, 'encodeId');
    await entity.flush({ ids: all });
    expect([encode.mock.calls.length, flush.mock.calls.length]).toEqual([20_000, 1]);
    const [asked, hastened] = [keysOf('HMGET'), keysOf('HASTEN')];
    const parts = Math.ceil(20_000 / MOST);
    expect(Math.max(...asked, ...hastened)).toBe(MOST);
    expect(hastened.length).toBeLessThanOrEqual(parts);
    // Once all of them, then those that are dirty until they are not.
    expect(asked.slice(0, parts).reduce((sum, keys) => sum + keys, 0)).toBe(20_000);
    expect(asked.slice(parts).every((keys) => keys <= MOST)).toBe(true);
    expect((await entity.stats()).dirty).toBe(0);
  });

  it('that are not pending cost one look and no run', async () => {
    const { entity, flush, keysOf } = await open();
    await entity.flush({ ids: Array.from({ length: 20_000 }, (_, i) => `p${i}`) });
    expect([keysOf('HMGET').length, keysOf('HASTEN'), flush.mock.calls.length]).toEqual([157, [], 0]);
  });

  it('are replayed and discarded as dead letters with small commands', async () => {
    const { buffer, entity, put, sent, keysOf } = await open();
    const keys = ids(600);
    await put(keys);
    const dirty = await buffer.dirty(0);
    const failures = [...dirty].map(([key, version]) => ({ key, version, kind: 'data' as const, error: 'no' }));
    for (let i = 0; i < 600; i += 100) await buffer.fail(0, failures.slice(i, i + 100));
    sent.length = 0;
    expect(await entity.deadLetters.replay(keys.slice(0, 300))).toBe(300);
    expect(await entity.deadLetters.discard(keys.slice(300))).toBe(300);
    expect([keysOf('REPLAY'), keysOf('DISCARD')]).toEqual([
      [128, 128, 44],
      [128, 128, 44],
    ]);
    expect(await entity.stats()).toMatchObject({ dirty: 300, deadLetters: 0 });
  });
});

describe('keys by their shard', () => {
  it('are all there once, in their order, with as few lists as there are shards', () => {
    const keys = ids(1_000);
    const found = byShard(keys, 4);
    expect([...found.values()].flat().sort()).toEqual(keys);
    for (const list of found.values()) expect(list).toEqual([...list].sort());
    expect([found.size, byShard(keys, 1).get(0)]).toEqual([4, keys]);
  });
});
