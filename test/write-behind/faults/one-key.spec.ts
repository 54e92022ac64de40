import { afterEach, expect, it } from '@jest/globals';
import pg from 'pg';
import { eventually, type Item, useWriteBehind, type WriteBehindApp } from '../../e2e/write-behind-world.js';
import { databaseUrl } from '../../support/services.js';
import { itemOf } from './own-world.js';

const OPERATIONS = 10_000;
const ROUNDS = 20;
const LANES = 8;

const world = useWriteBehind();
const connections: pg.Client[] = [];
afterEach(async () => {
  for (const connection of connections.splice(0)) await connection.end();
});

/** What was acknowledged of one row, and what a reader that began after that may see. */
class History {
  private readonly versions = new Map<number, bigint>();
  private newest = 0n;
  private last: Item | null = null;
  readonly wrong: string[] = [];
  acknowledged = 0;

  /** `n` of the row; a delete has one, too, which nobody sees. */
  async write(n: number, call: () => Promise<{ version: bigint }>, row: Item | null): Promise<void> {
    const { version } = await call();
    this.acknowledged++;
    if (this.versions.has(n)) this.wrong.push(`${n} was written twice`);
    this.versions.set(n, version);
    if (version === this.newest) this.wrong.push(`two writes have version ${version}`);
    if (version > this.newest) [this.newest, this.last] = [version, row];
  }

  async read(call: () => Promise<Item | null>): Promise<void> {
    const least = this.newest;
    const row = await call();
    if (row === null) return;
    const version = this.versions.get(row.n); // not known yet: its writer has no answer so far, so it is newer
    if (version !== undefined && version < least) this.wrong.push(`${row.n} was read after a newer write`);
  }

  /** What the row has to be when all is quiet. */
  get end(): Item | null {
    return this.last;
  }
}

it(`two writers on one row: after ${OPERATIONS} operations nobody has read an older row, and the last one counts`, async () => {
  const here = await world();
  const writers = [await here.app(), await here.app()];
  const history = new History();
  let number = 0;
  const lane = async ({ items }: WriteBehindApp, end: number): Promise<void> => {
    while (number < end) {
      const n = ++number;
      const kind = (n * 7) % 10;
      if (kind < 5) await history.write(n, () => items.put(itemOf('k', n)), itemOf('k', n));
      else if (kind < 7) await history.write(n, () => items.delete('k'), null);
      else await history.read(() => items.get('k'));
    }
  };
  for (let round = 1; round <= ROUNDS; round++) {
    const end = (round * OPERATIONS) / ROUNDS;
    await Promise.all(writers.flatMap((writer) => Array.from({ length: LANES }, () => lane(writer, end))));
    // Now and then all is quiet, and readers have copies of what is in Postgres.
    await eventually(async () => (await writers[0]?.items.stats())?.dirty === 0);
    for (const { items } of writers) await history.read(() => items.get('k'));
  }
  expect(history.acknowledged).toBe(0.7 * OPERATIONS);
  expect(history.wrong).toEqual([]);
  const [one, other] = writers as [WriteBehindApp, WriteBehindApp];
  await eventually(async () => (await one.items.stats()).dirty === 0);
  const { writes, rows, deadLetters, bytes } = await one.items.stats();
  expect([writes, deadLetters, bytes]).toEqual([0.7 * OPERATIONS, 0, 0]);
  expect(rows).toBeLessThan(writes / 2); // it was flushed meanwhile, but not for each write
  expect(rows).toBeGreaterThan(3);
  expect(await here.rows()).toEqual(history.end === null ? [] : [history.end]);
  expect([await one.items.get('k'), await other.items.get('k')]).toEqual([history.end, history.end]);
}, 60_000);

it.each<[string, (number | null)[]]>([
  ['written, deleted and written', [2, null, 3]],
  ['deleted, written and deleted', [null, 2, null]],
  ['deleted and written', [null, 2]],
  ['written and deleted', [2, null]],
])(
  'a row that is %s while a flush of it is under way ends as the last of these says',
  async (_, steps) => {
    const here = await world();
    const { items } = await here.app();
    const holder = new pg.Client({ connectionString: databaseUrl() });
    connections.push(holder);
    await holder.connect();
    await items.put(itemOf('k', 0));
    await items.flush();
    for (const first of [1, null]) {
      // The flush has claimed the row and stands in its transaction, because somebody else holds it in Postgres.
      await holder.query(`BEGIN; SELECT FROM ${here.schema}.item WHERE id = 'k' FOR UPDATE`);
      const writing = write(first);
      await eventually(async () => (await waiting(here.schema)) > 0);
      await writing;
      for (const step of steps) await write(step);
      const last = steps.at(-1) ?? null;
      expect((await items.get('k'))?.n ?? null).toBe(last);
      await holder.query('COMMIT');
      await eventually(async () => (await items.stats()).dirty === 0);
      expect((await here.rows()).map(({ n }) => n)).toEqual(last === null ? [] : [last]);
      expect((await items.get('k'))?.n ?? null).toBe(last);
      await items.put(itemOf('k', 0));
      await items.flush();
    }

    async function write(n: number | null): Promise<void> {
      await (n === null ? items.delete('k') : items.put(itemOf('k', n)));
    }

    async function waiting(schema: string): Promise<number> {
      const sql = `SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%"${schema}"%'`;
      return (await here.sql(sql)).length;
    }
  },
  30_000,
);
