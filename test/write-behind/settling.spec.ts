import { describe, expect, it, jest } from '@jest/globals';
import { Settling } from '../../src/write-behind/settling.js';
import { ids, Rig, type RigOptions, stateOf } from './rig.js';

const late = (): Error => new Error('too late');

function setUp(options: RigOptions = {}) {
  const rig = new Rig(options);
  const settling = new Settling(rig.buffer, rig.clock);
  const dirty = jest.spyOn(rig.buffer, 'dirty');
  const changed = (key: string, version: string, timeout = 60_000): Promise<void> =>
    settling.changed(rig.shardOf(key), key, version, timeout, late);
  const persisted = (key: string, version: string, timeout = 60_000): Promise<void> =>
    settling.persisted(rig.shardOf(key), key, version, timeout, late, 'Item');
  const ack = (key: string, version: string): Promise<void> => rig.buffer.ack(rig.shardOf(key), [{ key, version }]);
  return { rig, settling, dirty, changed, persisted, ack };
}

describe('waiting until a write has left the buffer', () => {
  it('ends when the database has it', async () => {
    const { rig, changed, ack } = setUp();
    const version = await rig.put('a');
    const waiting = changed('a', version);
    await rig.clock.advance(1_000);
    expect(await stateOf(waiting)).toBe('waiting');
    await ack('a', version);
    await rig.clock.advance(100);
    expect(await stateOf(waiting)).toBe('resolved');
  });

  it('ends when a newer write took its place', async () => {
    const { rig, changed } = setUp();
    const waiting = changed('a', await rig.put('a', 1));
    await rig.put('a', 2);
    await rig.clock.advance(100);
    expect(await stateOf(waiting)).toBe('resolved');
  });

  it('ends when it became a dead letter', async () => {
    const { rig, changed } = setUp({ buffer: { rowAttempts: 1 } });
    const version = await rig.put('a');
    const waiting = changed('a', version);
    await rig.buffer.fail(0, [{ key: 'a', version, kind: 'data', error: 'no' }]);
    await rig.clock.advance(100);
    expect(await stateOf(waiting)).toBe('resolved');
  });

  it('ends soon, however long the others have waited, and soonest for the first', async () => {
    const { rig, changed, ack } = setUp();
    const version = await rig.put('a');
    const waiting = changed('a', version);
    await ack('a', version);
    await rig.clock.advance(5);
    expect(await stateOf(waiting)).toBe('resolved');
    const other = changed('b', await rig.put('b'));
    await rig.clock.advance(30_000);
    const again = await rig.put('a');
    const third = changed('a', again);
    await ack('a', again);
    await rig.clock.advance(100);
    expect([await stateOf(other), await stateOf(third)]).toEqual(['waiting', 'resolved']);
  });

  it('fails when it takes too long, at its own time, and for nobody else', async () => {
    const { rig, changed, ack } = setUp();
    const version = await rig.put('a');
    const [short, long] = [changed('a', version, 500), changed('a', version, 5_000)];
    const outcome = short.catch((error: Error) => error.message);
    await rig.clock.advance(500);
    expect([await outcome, await stateOf(long)]).toEqual(['too late', 'waiting']);
    await ack('a', version);
    await rig.clock.advance(100);
    expect(await stateOf(long)).toBe('resolved');
  });

  it('shares one look among all who wait for a shard, also of one key', async () => {
    const { rig, changed, dirty } = setUp();
    const keys = ids(100);
    await rig.putAll(keys);
    const version = await rig.put('a');
    const waiting = [...keys.map(() => changed('a', version)), ...keys.map((key) => changed(key, 'another'))];
    await rig.clock.advance(5);
    expect(dirty.mock.calls.length).toBe(1);
    expect([...(dirty.mock.calls[0]?.[1] ?? [])].sort()).toEqual(['a', ...keys]);
    expect(await Promise.all(waiting.slice(100).map(stateOf))).toEqual(keys.map(() => 'resolved'));
    expect(await Promise.all(waiting.slice(0, 100).map(stateOf))).toEqual(keys.map(() => 'waiting'));
  });

  it('looks less and less often, but every 100 ms', async () => {
    const { rig, changed, dirty } = setUp();
    const times: number[] = [];
    const begin = rig.clock.now();
    dirty.mockImplementation(async () => {
      times.push(rig.clock.now() - begin);
      return new Map([['a', '1']]);
    });
    changed('a', '1').catch(() => undefined);
    await rig.clock.advance(1_000);
    expect(times.slice(0, 4).map(Math.round)).toEqual([5, 13, 24, 41]);
    expect((times.at(-1) as number) - (times.at(-2) as number)).toBeCloseTo(100);
    expect(times.length).toBeLessThan(20);
  });

  it('asks for at most 500 keys at once', async () => {
    const { rig, changed, dirty } = setUp();
    const waiting = ids(1_200).map((key) => changed(key, '1'));
    await rig.clock.advance(5);
    expect(dirty.mock.calls.map(([, keys]) => keys?.length)).toEqual([500, 500, 200]);
    await Promise.all(waiting);
  });

  it('does not look when nobody waits any more', async () => {
    const { rig, changed, ack, dirty } = setUp();
    const version = await rig.put('a');
    await Promise.all([expect(changed('a', version, 4)).rejects.toThrow('too late'), rig.clock.advance('1m')]);
    expect(dirty).not.toHaveBeenCalled();
    const waiting = changed('a', version);
    await ack('a', version);
    await rig.clock.advance(5);
    await waiting;
    await rig.clock.advance('1m');
    expect(dirty).toHaveBeenCalledTimes(1);
  });

  it('looks again for who comes later', async () => {
    const { rig, changed, ack } = setUp();
    for (let round = 0; round < 3; round++) {
      const version = await rig.put('a');
      const waiting = changed('a', version);
      await ack('a', version);
      await rig.clock.advance(100);
      expect(await stateOf(waiting)).toBe('resolved');
    }
  });

  it('notices who comes while a look is under way', async () => {
    const { rig, changed, ack, dirty } = setUp();
    const [a, b] = [await rig.put('a'), await rig.put('b')];
    const first = changed('a', a);
    await ack('a', a);
    let second: Promise<void> | undefined;
    dirty.mockImplementationOnce(async () => {
      second = changed('b', b);
      return new Map();
    });
    await rig.clock.advance(5);
    await ack('b', b);
    await rig.clock.advance(100);
    expect([await stateOf(first), await stateOf(second as Promise<void>)]).toEqual(['resolved', 'resolved']);
  });

  it('fails for all who wait for a shard that cannot be asked', async () => {
    const { rig, changed, dirty } = setUp({ buffer: { shards: 8 } });
    const keys = ids(50);
    const [one, other] = [1, 2].map((shard) => keys.find((key) => rig.shardOf(key) === shard) as string) as [
      string,
      string,
    ];
    dirty.mockImplementation(async (shard) => {
      if (shard === 1) throw new Error('no Redis');
      return new Map([[other, '1']]);
    });
    const waiting = [changed(one, '1'), changed(one, '2')].map((promise) =>
      promise.catch((error: Error) => error.message),
    );
    const elsewhere = changed(other, '1');
    await rig.clock.advance(5);
    expect([await Promise.all(waiting), await stateOf(elsewhere)]).toEqual([['no Redis', 'no Redis'], 'waiting']);
  });
});

describe('waiting until the database has a write', () => {
  it('waits for the newer one that took its place', async () => {
    const { rig, persisted, ack } = setUp();
    const waiting = persisted('a', await rig.put('a', 1));
    const newer = await rig.put('a', 2);
    await rig.clock.advance(1_000);
    expect(await stateOf(waiting)).toBe('waiting');
    await ack('a', newer);
    await rig.clock.advance(100);
    expect(await stateOf(waiting)).toBe('resolved');
  });

  it.each([1, 2])('fails with what the database said if write %s of 2 became a dead letter', async (which) => {
    const { rig, persisted } = setUp({ buffer: { rowAttempts: 1 } });
    const versions = [await rig.put('a', 1)];
    const waiting = persisted('a', versions[0] as string).catch((error: Error) => error);
    if (which === 2) versions.push(await rig.put('a', 2));
    await rig.buffer.fail(0, [{ key: 'a', version: versions.at(-1) as string, kind: 'data', error: 'value too long' }]);
    await rig.clock.advance(100);
    expect(await waiting).toMatchObject({ code: 'WRITE_BEHIND_DEAD_LETTER', entity: 'Item', reason: 'value too long' });
  });

  it('is not deceived by the dead letter of an older write', async () => {
    const { rig, persisted, ack } = setUp({ buffer: { rowAttempts: 1 } });
    const dead = await rig.put('a', 1);
    await rig.buffer.fail(0, [{ key: 'a', version: dead, kind: 'data', error: 'no' }]);
    const version = await rig.put('a', 2);
    const letters = await rig.buffer.letters(0);
    const waiting = persisted('a', version);
    await ack('a', version);
    // Also if it is still there: somebody else may just have moved it.
    jest.spyOn(rig.buffer, 'letters').mockResolvedValue(letters);
    await rig.clock.advance(100);
    expect(await stateOf(waiting)).toBe('resolved');
  });

  it('fails when it takes too long', async () => {
    const { rig, persisted } = setUp();
    const waiting = persisted('a', await rig.put('a'), 700).catch((error: Error) => error.message);
    await rig.clock.advance(700);
    expect(await waiting).toBe('too late');
  });
});
