import { describe, expect, it } from '@jest/globals';
import { type Open, Shard } from './open-buffer.js';

/** Readers see every acknowledged write, and nothing older. */
export function readingContract(open: Open): void {
  describe('readers', () => {
    it('see a write as soon as it is acknowledged, until and after the database has it', async () => {
      const shard = new Shard((await open()).buffer);
      const version = await shard.put('k', '{"n":1}');
      const write = { key: 'k', version, operation: 'upsert', payload: '{"n":1}' };
      expect(await shard.read('k')).toEqual({ kind: 'pending', state: expect.any(String), write });
      await shard.flush();
      expect(await shard.read('k')).toEqual({ kind: 'cached', state: expect.any(String), payload: '{"n":1}' });
    });

    it('see the writes of the same tick, before any of them is acknowledged', async () => {
      const shard = new Shard((await open()).buffer);
      const writing = shard.put('k', '1');
      expect(await shard.row('k')).toBe('1');
      await writing;
    });

    it('are told of a deleted row that it is not there, before and after the database knows', async () => {
      const shard = new Shard((await open()).buffer);
      await shard.put('k', '1');
      const version = await shard.put('k', null);
      const write = { key: 'k', version, operation: 'delete', payload: '{"id":"k"}' };
      expect(await shard.read('k')).toMatchObject({ kind: 'pending', write });
      await shard.flush();
      expect(await shard.read('k')).toMatchObject({ kind: 'cached', payload: null });
    });

    it('ask the database for what nobody knows, and the answer is kept, also that there is no row', async () => {
      const shard = new Shard((await open()).buffer);
      expect(await shard.read('k')).toEqual({ kind: 'absent', state: expect.any(String) });
      await shard.load('k', '{"n":1}');
      await shard.load('none', null);
      expect([await shard.row('k'), await shard.row('none')]).toEqual(['{"n":1}', null]);
    });

    it('are answered in the order of the keys, however often one is named', async () => {
      const shard = new Shard((await open()).buffer);
      await shard.put('a', '1');
      await shard.load('b', '2');
      const readings = await shard.buffer.read(0, ['b', 'x', 'a', 'b']);
      expect(readings.map(({ kind }) => kind)).toEqual(['cached', 'absent', 'pending', 'cached']);
      expect(await shard.buffer.read(0, [])).toEqual([]);
    });

    it('never get what a load began to read before a write', async () => {
      const shard = new Shard((await open()).buffer);
      const { state = '' } = await shard.read('k');
      await shard.put('k', 'new');
      await shard.buffer.fill(0, [{ key: 'k', state, payload: 'old' }]);
      expect(await shard.row('k')).toBe('new');
      await shard.flush();
      await shard.buffer.fill(0, [{ key: 'k', state, payload: 'old' }]);
      expect(await shard.row('k')).toBe('new');
    });

    it('never get what a load read before a write whose copy has left the cache meanwhile', async () => {
      const shard = new Shard((await open()).buffer);
      const { state = '' } = await shard.read('k');
      await shard.put('k', 'new');
      await shard.buffer.forget(0, ['k']);
      expect(await shard.row('k')).toBe('new');
      await shard.flush();
      await shard.buffer.fill(0, [{ key: 'k', state, payload: 'old' }]);
      expect(await shard.row('k')).toBe(undefined);
      await shard.buffer.fill(0, [{ key: 'k', state, payload: 'old' }]);
      expect(await shard.row('k')).toBe(undefined);
    });

    it('never get a fill that was made from a pending or a cached reading of another time', async () => {
      const shard = new Shard((await open()).buffer);
      await shard.put('k', '1');
      const pending = await shard.read('k');
      await shard.flush();
      const cached = await shard.read('k');
      await shard.put('k', '2');
      await shard.flush();
      for (const { state = '' } of [pending, cached]) {
        await shard.buffer.fill(0, [{ key: 'k', state, payload: 'old' }]);
        expect(await shard.row('k')).toBe('2');
      }
    });

    it('who miss at the same time may all load; the first answer is kept', async () => {
      const shard = new Shard((await open()).buffer);
      const [one, other] = [await shard.read('k'), await shard.read('k')];
      await shard.buffer.fill(0, [{ key: 'k', state: other.state ?? '', payload: '1' }]);
      await shard.buffer.fill(0, [{ key: 'k', state: one.state ?? '', payload: '2' }]);
      expect(await shard.row('k')).toBe('1');
    });

    it('ask the database again once a copy is forgotten, and no load that began before is kept', async () => {
      const shard = new Shard((await open()).buffer);
      await shard.load('a', '1');
      const { state = '' } = await shard.read('b');
      await shard.buffer.forget(0, ['a', 'b', 'unknown']);
      await shard.buffer.forget(0, []);
      await shard.buffer.fill(0, [{ key: 'b', state, payload: '1' }]);
      expect([await shard.row('a'), await shard.row('b')]).toEqual([undefined, undefined]);
    });

    it('still see pending writes when copies are forgotten', async () => {
      const shard = new Shard((await open()).buffer);
      await shard.put('k', '1');
      await shard.buffer.forget(0, ['k']);
      expect([await shard.row('k'), await shard.dirtyKeys()]).toEqual(['1', ['k']]);
    });

    it('ask the database again when the life of a copy is over, but never for a pending write', async () => {
      const { buffer, pass } = await open({ cacheTtl: 15 });
      const shard = new Shard(buffer);
      await shard.load('a', '1');
      await shard.put('b', '1');
      await pass(16);
      expect([await shard.row('a'), await shard.row('b')]).toEqual([undefined, '1']);
      await shard.flush();
      expect(await shard.row('b')).toBe(undefined);
    });

    it('ask the database each time where no copies are kept, but see pending writes', async () => {
      const shard = new Shard((await open({ cacheTtl: 0 })).buffer);
      await shard.load('a', '1');
      await shard.put('b', '1');
      expect([await shard.row('a'), await shard.row('b')]).toEqual([undefined, '1']);
      await shard.flush();
      expect(await shard.row('b')).toBe(undefined);
    });

    it('of one shard know nothing of the same key in another', async () => {
      const { buffer } = await open();
      const [one, other] = [new Shard(buffer, 0), new Shard(buffer, 3)];
      await one.load('a', '1');
      await one.put('b', '1');
      expect([await other.row('a'), await other.row('b')]).toEqual([undefined, undefined]);
      expect([await other.dirtyKeys(), await other.dueIn()]).toEqual([[], undefined]);
      await other.flush();
      expect(await one.dirtyKeys()).toEqual(['b']);
    });

    it('get payloads and keys back as they were, whatever is in them', async () => {
      const shard = new Shard((await open()).buffer);
      const odd = [
        '',
        ' ',
        'a b',
        '{x}',
        'a:b',
        '__proto__',
        'constructor',
        'line\nend\r\n',
        '\u0000',
        '電😀',
        '%s %1',
        '-',
        "'",
      ];
      for (const key of odd) await shard.put(key, `{"k":${JSON.stringify(key)},"raw":"${key}"}`);
      for (const key of odd) expect(await shard.row(key)).toBe(`{"k":${JSON.stringify(key)},"raw":"${key}"}`);
      expect(await shard.dirtyKeys()).toEqual([...odd].sort());
      expect((await shard.takeAll()).map(({ key }) => key)).toEqual([...odd].sort());
      await shard.flush();
      await shard.expectEmpty();
      for (const key of odd) expect(await shard.row(key)).toBe(`{"k":${JSON.stringify(key)},"raw":"${key}"}`);
    });

    it('get large numbers of rows at once', async () => {
      const shard = new Shard((await open()).buffer);
      const keys = Array.from({ length: 300 }, (_, i) => `k${i}`);
      await Promise.all(keys.map((key) => shard.put(key, `"${key}"`)));
      const readings = await shard.buffer.read(0, keys);
      expect(readings.map((reading) => reading.kind === 'pending' && reading.write.payload)).toEqual(
        keys.map((key) => `"${key}"`),
      );
      expect((await shard.buffer.dirty(0, keys)).size).toBe(300);
    });
  });
}
