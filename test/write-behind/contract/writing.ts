import { describe, expect, it } from '@jest/globals';
import { type Open, Shard, versionOf, write } from './open-buffer.js';

/** What becomes of writes: their versions, their order, what they expect, and where there is no room. */
export function writingContract(open: Open): void {
  describe('writes', () => {
    it('have versions that grow, over rewrites, the database and dead letters', async () => {
      const shard = new Shard((await open({ rowAttempts: 1 })).buffer);
      const versions = [await shard.put('k', '1'), await shard.put('k', null)];
      await shard.flush();
      versions.push(await shard.put('k', '2'));
      await shard.fail('k', versions[2] as string);
      await shard.buffer.replay(0);
      versions.push((await shard.buffer.dirty(0)).get('k') as string, await shard.put('k', '3'));
      const grown = versions.map(BigInt).sort((one, other) => (one < other ? -1 : 1));
      expect(versions.map(BigInt)).toEqual(grown);
      expect(new Set(versions).size).toBe(versions.length);
      expect(versions.every((version) => /^\d+$/.test(version))).toBe(true);
    });

    it('of one tick take effect in their order, in one call and in several', async () => {
      const shard = new Shard((await open()).buffer);
      const all = await Promise.all([
        shard.buffer.write(0, [write('k', '1'), write('other', '1'), write('k', null)]),
        shard.buffer.write(0, [write('k', '2')]),
        shard.buffer.write(0, [write('k', '3')]),
      ]);
      const versions = all
        .flat()
        .filter((_, i) => i !== 1)
        .map((marked) => BigInt(versionOf(marked)));
      expect(versions).toEqual([...new Set(versions)].sort((one, other) => (one < other ? -1 : 1)));
      expect(await shard.row('k')).toBe('3');
      expect(await shard.dirtyKeys()).toEqual(['k', 'other']);
      expect((await shard.buffer.dirty(0)).get('k')).toBe(String(versions.at(-1)));
    });

    it('of one key are flushed once, as the last one left it', async () => {
      const shard = new Shard((await open()).buffer);
      await shard.put('k', '1');
      await shard.put('k', null);
      const version = await shard.put('k', '3');
      expect(await shard.stats()).toMatchObject({ dirty: 1, marked: 3, flushed: 0 });
      expect(await shard.takeAll()).toEqual([{ key: 'k', version, operation: 'upsert', payload: '3' }]);
      const gone = await shard.put('k', null);
      expect(await shard.takeAll()).toEqual([{ key: 'k', version: gone, operation: 'delete', payload: '{"id":"k"}' }]);
    });

    it('may be none at all', async () => {
      const shard = new Shard((await open()).buffer);
      expect(await shard.buffer.write(0, [])).toEqual([]);
      await shard.expectEmpty();
    });

    it('are listed as dirty with their versions, all or those asked for', async () => {
      const shard = new Shard((await open()).buffer);
      const [a, b] = [await shard.put('a', '1'), await shard.put('b', null)];
      expect(await shard.buffer.dirty(0)).toEqual(
        new Map([
          ['a', a],
          ['b', b],
        ]),
      );
      expect(await shard.buffer.dirty(0, ['b', 'x'])).toEqual(new Map([['b', b]]));
      expect(await shard.buffer.dirty(0, [])).toEqual(new Map());
    });

    it('count the bytes of what waits now, not of what waited before', async () => {
      const { buffer, check } = await open();
      const shard = new Shard(buffer);
      await shard.put('k', '1');
      const { bytes } = await shard.stats();
      expect(bytes).toBeGreaterThan(0);
      await shard.put('k', 'x'.repeat(1_001));
      expect((await shard.stats()).bytes).toBe(bytes + 1_000);
      await shard.put('k', 'é');
      expect((await shard.stats()).bytes).toBe(bytes + 1);
      await shard.put('k', '2');
      expect((await shard.stats()).bytes).toBe(bytes);
      await check(0);
      await shard.flush();
      await shard.expectEmpty();
    });
  });

  describe('a write that expects a state', () => {
    const states: Record<string, (shard: Shard) => Promise<unknown>> = {
      'a pending write': (shard) => shard.put('k', '1'),
      'a pending delete': (shard) => shard.put('k', null),
      'a cached row': (shard) => shard.load('k', '1'),
      'a row that is cached as missing': (shard) => shard.load('k', null),
      'a flushed write': (shard) => shard.put('k', '1').then(() => shard.flush()),
      nothing: async () => undefined,
    };

    it.each(Object.keys(states))('is taken while it still is there: %s', async (name) => {
      const { buffer, check } = await open();
      const shard = new Shard(buffer);
      await states[name]?.(shard);
      const { state } = await shard.read('k');
      expect(await shard.mark('k', '2', { expected: state })).toMatchObject({ status: 'marked' });
      expect(await shard.row('k')).toBe('2');
      await check(0);
    });

    it.each(Object.keys(states))('is refused once somebody wrote: %s', async (name) => {
      const shard = new Shard((await open()).buffer);
      await states[name]?.(shard);
      const { state } = await shard.read('k');
      const version = await shard.put('k', 'newer');
      expect(await shard.mark('k', '2', { expected: state })).toEqual({ status: 'conflict' });
      expect([await shard.row('k'), (await shard.buffer.dirty(0)).get('k')]).toEqual(['newer', version]);
      await shard.flush();
      expect(await shard.mark('k', '2', { expected: state })).toEqual({ status: 'conflict' });
      expect([await shard.row('k'), await shard.dirtyKeys()]).toEqual(['newer', []]);
    });

    it('is refused when a load was stored meanwhile', async () => {
      const shard = new Shard((await open()).buffer);
      const { state } = await shard.read('k');
      await shard.load('k', 'loaded');
      expect(await shard.mark('k', '2', { expected: state })).toEqual({ status: 'conflict' });
      expect(await shard.row('k')).toBe('loaded');
    });

    it('is refused when what was cached is forgotten or over', async () => {
      const { buffer, pass } = await open({ cacheTtl: 15 });
      const shard = new Shard(buffer);
      await shard.load('a', '1');
      await shard.load('b', '1');
      const [a, b] = await buffer.read(0, ['a', 'b']);
      await buffer.forget(0, ['a']);
      await pass(16);
      expect(await shard.mark('a', '2', { expected: a?.state })).toEqual({ status: 'conflict' });
      expect(await shard.mark('b', '2', { expected: b?.state })).toEqual({ status: 'conflict' });
      expect(await shard.dirtyKeys()).toEqual([]);
    });

    it('is taken or refused just so where no copies are kept', async () => {
      const shard = new Shard((await open({ cacheTtl: 0 })).buffer);
      const { state } = await shard.read('k');
      await shard.put('k', '1');
      await shard.flush();
      expect(await shard.mark('k', '2', { expected: state })).toEqual({ status: 'conflict' });
      const again = await shard.read('k');
      expect(await shard.mark('k', '3', { expected: again.state })).toMatchObject({ status: 'marked' });
      expect(await shard.row('k')).toBe('3');
    });

    it('changes nothing when it is refused', async () => {
      const shard = new Shard((await open()).buffer);
      const { state } = await shard.read('k');
      await shard.load('k', 'loaded');
      const before = [await shard.stats(), await shard.read('k')];
      expect(await shard.mark('k', null, { expected: state, urgent: true })).toEqual({ status: 'conflict' });
      expect([await shard.stats(), await shard.read('k')]).toEqual(before);
    });

    it('wins once, of several that saw the same', async () => {
      const shard = new Shard((await open()).buffer);
      await shard.put('k', '0');
      const { state: expected } = await shard.read('k');
      const answers = await Promise.all(['1', '2', '3'].map((payload) => shard.mark('k', payload, { expected })));
      expect(answers.map(({ status }) => status)).toEqual(['marked', 'conflict', 'conflict']);
      expect(await shard.row('k')).toBe('1');
    });
  });

  describe('a shard that is full', () => {
    it('takes no more keys, but every write to a key that is dirty', async () => {
      const { buffer, check } = await open({ maxEntries: 2 });
      const shard = new Shard(buffer);
      await shard.put('a', '1');
      await shard.put('b', '1');
      const before = await shard.stats();
      expect(await shard.mark('c', '1')).toEqual({ status: 'full' });
      expect([await shard.row('c'), await shard.stats()]).toEqual([undefined, before]);
      expect(await shard.mark('a', 'longer than before')).toMatchObject({ status: 'marked' });
      expect(await shard.row('a')).toBe('longer than before');
      expect(await new Shard(buffer, 1).mark('c', '1')).toMatchObject({ status: 'marked' });
      await check(0);
      await shard.flush();
      expect(await shard.mark('c', '1')).toMatchObject({ status: 'marked' });
    });

    it('is full by bytes as well, and takes a smaller write where a larger one has no room', async () => {
      const shard = new Shard((await open({ maxBytes: 1_000 })).buffer);
      await shard.put('a', 'x'.repeat(400));
      expect(await shard.mark('b', 'x'.repeat(600))).toEqual({ status: 'full' });
      expect(await shard.mark('b', 'x'.repeat(100))).toMatchObject({ status: 'marked' });
      expect(await shard.mark('a', 'x'.repeat(5_000))).toMatchObject({ status: 'marked' });
      expect(await shard.mark('c', '')).toEqual({ status: 'full' });
      await shard.flush();
      await shard.expectEmpty();
    });

    it('takes of one call what it has room for', async () => {
      const shard = new Shard((await open({ maxEntries: 2 })).buffer);
      const answers = await shard.buffer.write(
        0,
        ['a', 'b', 'c', 'a'].map((key) => write(key, '1')),
      );
      expect(answers.map(({ status }) => status)).toEqual(['marked', 'marked', 'full', 'marked']);
      expect(await shard.dirtyKeys()).toEqual(['a', 'b']);
    });

    it('counts dead letters, until they are discarded', async () => {
      const shard = new Shard((await open({ maxEntries: 2, rowAttempts: 1 })).buffer);
      for (const key of ['a', 'b']) await shard.fail(key, await shard.put(key, '1'));
      expect(await shard.mark('c', '1')).toEqual({ status: 'full' });
      expect(await shard.buffer.replay(0, ['a'])).toBe(1);
      expect(await shard.mark('c', '1')).toEqual({ status: 'full' });
      await shard.buffer.discard(0, ['b']);
      expect(await shard.mark('c', '1')).toMatchObject({ status: 'marked' });
    });

    it('says conflict rather than full to a write that expects another state', async () => {
      const shard = new Shard((await open({ maxEntries: 1 })).buffer);
      const { state } = await shard.read('b');
      await shard.load('b', '1');
      await shard.put('a', '1');
      expect(await shard.mark('b', '2', { expected: state })).toEqual({ status: 'conflict' });
      const { state: right } = await shard.read('b');
      expect(await shard.mark('b', '2', { expected: right })).toEqual({ status: 'full' });
    });
  });
}
