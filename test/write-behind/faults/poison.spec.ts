import { describe, expect, it } from '@jest/globals';
import { eventually, useWriteBehind } from '../../e2e/write-behind-world.js';
import { itemOf } from './own-world.js';

describe('rows that Postgres refuses', () => {
  const world = useWriteBehind();

  it.each([
    [1, 500],
    [50, 500],
    [100, 100],
  ])('%s of %s in one batch become dead letters, and no other one does', async (count, size) => {
    const here = await world();
    const { items } = await here.app({ writeBehind: { shards: 1, flushDelay: '1h', rowAttempts: 1 } });
    const bad = new Set(Array.from({ length: count }, (_, i) => (i * 37) % size));
    const rows = Array.from({ length: size }, (_, i) => itemOf(`k${i}`, bad.has(i) ? -1 : i));
    await Promise.all(rows.map((row) => items.put(row)));
    await items.flush();
    expect(bad.size).toBe(count);
    expect((await items.deadLetters.list()).map(({ id }) => id).sort()).toEqual([...bad].map((i) => `k${i}`).sort());
    expect((await here.rows()).map(({ id }) => id).sort()).toEqual(
      rows.flatMap(({ id, n }) => (n < 0 ? [] : [id])).sort(),
    );
    expect((await items.stats()).dirty).toBe(0);
  });

  it('because two of different shards swap a unique value become dead letters, which can be written one by one', async () => {
    const here = await world();
    await here.sql(`ALTER TABLE ${here.schema}.item ADD UNIQUE (note)`);
    const { items } = await here.app({ writeBehind: { flushDelay: 20, constraintRetry: 600, sweep: 50 } });
    const [one, other] = [
      { id: 'a', n: 1, note: 'x' },
      { id: 'b', n: 1, note: 'y' },
    ];
    await Promise.all([items.put(one), items.put(other), items.put(itemOf('c', 1))]);
    await items.flush();
    const swapped = [
      { id: 'a', n: 2, note: 'y' },
      { id: 'b', n: 2, note: 'x' },
    ];
    await Promise.all([...swapped.map((row) => items.put(row)), items.put(itemOf('c', 2))]);
    await eventually(async () => (await items.stats()).dirty === 0);
    expect((await items.deadLetters.list()).map(({ row }) => row).sort(byId)).toEqual(swapped);
    expect(await here.rows()).toEqual([one, other, itemOf('c', 2)]);
    // By hand: one of them makes room, the other one is replayed, and then the first.
    await items.put({ id: 'a', n: 3, note: 'z' }, { durability: 'persisted' });
    expect(await items.deadLetters.replay(['b'])).toBe(1);
    await items.flush();
    await items.put({ id: 'a', n: 4, note: 'y' }, { durability: 'persisted' });
    expect(await here.rows()).toEqual([{ id: 'a', n: 4, note: 'y' }, { id: 'b', n: 2, note: 'x' }, itemOf('c', 2)]);
    expect(await items.deadLetters.list()).toEqual([]);
  });
});

function byId(one: unknown, other: unknown): number {
  return `${(one as { id: string }).id}` < `${(other as { id: string }).id}` ? -1 : 1;
}
