import { describe, expect, it } from '@jest/globals';
import { type Open, Shard } from './open-buffer.js';

/** Writes that the database refused for good. */
export function deadLetterContract(open: Open): void {
  describe('a dead letter', () => {
    const texts = ['', ' ', '1 2 3 4 x', 'line\nend\r\n', 'é 電 😀', '"quoted" \'%s\' \\n', '\u0000', ' 5 d', '-1'];

    it('keeps what was written and what the database said, whatever bytes are in it', async () => {
      const { buffer, check } = await open({ rowAttempts: 1 });
      const shard = new Shard(buffer);
      for (const text of texts) {
        await shard.fail(`k${text}`, await shard.put(`k${text}`, `p${text}`), text);
        expect(await shard.letter(`k${text}`)).toMatchObject({ payload: `p${text}`, error: text, operation: 'upsert' });
      }
      const all = await buffer.letters(0);
      expect(all.map(({ key }) => key).sort()).toEqual(texts.map((text) => `k${text}`).sort());
      await check(0);
      expect(await buffer.replay(0)).toBe(texts.length);
      const payloads = (await shard.takeAll()).map(({ payload }) => payload);
      expect(payloads.sort()).toEqual(texts.map((text) => `p${text}`).sort());
      await check(0);
      await shard.flush();
      await shard.expectEmpty();
    });

    it('of a delete is one, too', async () => {
      const shard = new Shard((await open({ rowAttempts: 1 })).buffer);
      const version = await shard.put('k', null);
      await shard.fail('k', version, 'no');
      const write = { key: 'k', version, operation: 'delete', payload: '{"id":"k"}' };
      expect(await shard.letter('k')).toMatchObject({ ...write, attempts: 1 });
      await shard.buffer.replay(0);
      expect(await shard.takeAll()).toMatchObject([{ operation: 'delete', payload: '{"id":"k"}' }]);
    });

    it('tells when it was given up, by the same clock for all', async () => {
      const { buffer, pass } = await open({ rowAttempts: 1 });
      const shard = new Shard(buffer);
      await shard.fail('a', await shard.put('a', '1'));
      await pass(10);
      await shard.fail('b', await shard.put('b', '1'));
      const [a, b] = [(await shard.letter('a'))?.at ?? 0, (await shard.letter('b'))?.at ?? 0];
      expect(a).toBeGreaterThan(Date.UTC(2020, 0, 1));
      expect(b - a).toBeGreaterThanOrEqual(9);
    });

    it('is found by its key, and those without one are left out', async () => {
      const shard = new Shard((await open({ rowAttempts: 1 })).buffer);
      for (const key of ['a', 'b', 'c']) await shard.fail(key, await shard.put(key, key));
      const found = await shard.buffer.letters(0, ['c', 'x', 'a']);
      expect(found.map(({ key, payload }) => key + payload)).toEqual(['cc', 'aa']);
      expect([await shard.buffer.letters(0, []), await shard.buffer.letters(1)]).toEqual([[], []]);
    });

    it('takes the place of an older one of its key', async () => {
      const { buffer, check } = await open({ rowAttempts: 1 });
      const shard = new Shard(buffer);
      await shard.fail('k', await shard.put('k', 'x'.repeat(1_000)), 'e'.repeat(100));
      const version = await shard.put('k', '2');
      await shard.fail('k', version, 'second');
      expect(await buffer.letters(0)).toMatchObject([{ version, payload: '2', error: 'second' }]);
      expect((await shard.stats()).deadLetters).toBe(1);
      await check(0);
      expect(await buffer.discard(0, ['k'])).toBe(1);
      await shard.expectEmpty();
    });

    it('is read no more: the database is asked, and its answer is kept', async () => {
      const shard = new Shard((await open({ rowAttempts: 1 })).buffer);
      await shard.fail('k', await shard.put('k', 'refused'));
      expect(await shard.row('k')).toBe(undefined);
      await shard.load('k', 'what the database has');
      expect(await shard.row('k')).toBe('what the database has');
    });

    it('is still read from the cache where that is wanted', async () => {
      const shard = new Shard((await open({ rowAttempts: 1, keepDeadValues: true })).buffer);
      await shard.fail('k', await shard.put('k', 'refused'));
      expect(await shard.read('k')).toMatchObject({ kind: 'cached', payload: 'refused' });
    });

    it('counts with its bytes until it is discarded', async () => {
      const { buffer, check } = await open({ rowAttempts: 1 });
      const shard = new Shard(buffer);
      for (const key of ['a', 'b']) await shard.fail(key, await shard.put(key, '1'), 'x'.repeat(500));
      expect((await shard.stats()).bytes).toBeGreaterThan(1_000);
      expect(await buffer.discard(0, ['a', 'unknown'])).toBe(1);
      await check(0);
      expect([await shard.letter('a'), (await shard.letter('b'))?.key]).toEqual([undefined, 'b']);
      expect([await buffer.discard(0, ['a']), await buffer.discard(0, [])]).toEqual([0, 0]);
      expect(await buffer.discard(0, ['b'])).toBe(1);
      await shard.expectEmpty();
    });
  });

  describe('a replay', () => {
    it('makes dead letters dirty, due at once, with a new version and all attempts', async () => {
      const { buffer, check } = await open({ rowAttempts: 2 });
      const shard = new Shard(buffer);
      const old = await shard.put('k', '{"n":1}');
      await shard.bury('k', old);
      expect(await buffer.replay(0)).toBe(1);
      const [write] = await shard.take();
      expect(write).toMatchObject({ key: 'k', operation: 'upsert', payload: '{"n":1}' });
      expect(BigInt(write?.version ?? 0)).toBeGreaterThan(BigInt(old));
      expect([await shard.row('k'), await buffer.letters(0)]).toEqual(['{"n":1}', []]);
      await check(0);
      expect(await shard.fail('k', write?.version ?? '')).toEqual({ result: 'retry', attempts: 1 });
      await shard.ack({ key: 'k', version: write?.version ?? '' });
      await shard.expectEmpty();
      expect(await shard.stats()).toMatchObject({ marked: 1, flushed: 1 });
    });

    it('is of the keys asked for, and of all without keys', async () => {
      const shard = new Shard((await open({ rowAttempts: 1 })).buffer);
      for (const key of ['a', 'b', 'c']) await shard.fail(key, await shard.put(key, '1'));
      expect(await shard.buffer.replay(0, ['b', 'unknown', 'b'])).toBe(1);
      expect(await shard.dirtyKeys()).toEqual(['b']);
      expect(await shard.buffer.replay(0, [])).toBe(0);
      expect(await shard.buffer.replay(0)).toBe(2);
      expect([await shard.dirtyKeys(), await shard.buffer.replay(0)]).toEqual([['a', 'b', 'c'], 0]);
    });

    it('drops what was written again since', async () => {
      const { buffer, check } = await open({ rowAttempts: 1 });
      const shard = new Shard(buffer);
      await shard.fail('k', await shard.put('k', 'old'));
      const version = await shard.put('k', 'new');
      expect(await buffer.replay(0)).toBe(0);
      expect([await shard.row('k'), (await buffer.dirty(0)).get('k')]).toEqual(['new', version]);
      expect(await buffer.letters(0)).toEqual([]);
      await check(0);
      await shard.flush();
      await shard.expectEmpty();
    });

    it('is newer than what a load began to read before it', async () => {
      const shard = new Shard((await open({ rowAttempts: 1 })).buffer);
      await shard.fail('k', await shard.put('k', 'new'));
      const { state = '' } = await shard.read('k');
      await shard.buffer.replay(0);
      await shard.buffer.fill(0, [{ key: 'k', state, payload: 'old' }]);
      expect(await shard.row('k')).toBe('new');
      await shard.flush();
      expect(await shard.row('k')).toBe(undefined);
    });

    it('may be of very many', async () => {
      const { buffer, check } = await open({ rowAttempts: 1 });
      const shard = new Shard(buffer);
      const keys = Array.from({ length: 400 }, (_, i) => `k${i}`);
      const versions = await Promise.all(keys.map((key) => shard.put(key, `"${key}"`)));
      const failures = keys.map((key, i) => ({ key, version: versions[i] ?? '', kind: 'data' as const, error: 'no' }));
      await buffer.fail(0, failures);
      expect([(await buffer.letters(0)).length, await buffer.replay(0)]).toEqual([400, 400]);
      await check(0);
      expect((await shard.takeAll({ limit: 500 })).length).toBe(400);
    });
  });
}
