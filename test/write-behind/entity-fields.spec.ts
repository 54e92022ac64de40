import { describe, expect, it } from '@jest/globals';
import { CacheOptionsError } from '../../src/cache.errors.js';
import { resolveWriteBehind, type WriteBehindOptions } from '../../src/write-behind/write-behind.options.js';
import { getWriteBehindToken, type WriteBehind } from '../../src/write-behind.js';
import { eventually, type Item, useWriteBehind, type WriteBehindWorld } from '../e2e/write-behind-world.js';

const world = useWriteBehind();
const CHILD = getWriteBehindToken('Child');

interface Versioned extends Item {
  version: bigint | null;
}
interface Child {
  id: string;
  parent: string | null;
}

const from = (schema: string, table: string) => ({ table, schema });

describe.each(['Redis', 'memory'])('options of entities, with the buffer in %s', (place) => {
  const redis = place === 'Redis' ? {} : ({ redis: false } as const);

  async function versioned({ app, sql, schema }: WriteBehindWorld, more: Partial<WriteBehindOptions> = {}) {
    await sql(`ALTER TABLE ${schema}.item ADD COLUMN version bigint`);
    const entities = { Item: { ...from(schema, 'item'), versionField: 'version' } };
    const opened = await app({ ...redis, writeBehind: { entities, ...more } });
    return { ...opened, items: opened.items as unknown as WriteBehind<Versioned, string, Item> };
  }

  it('versionField: callers leave it out, readers get it, pending, as a copy and from Postgres', async () => {
    const here = await world();
    const { items } = await versioned(here, { flushDelay: '1m', sweep: '1m' });
    const { version } = await items.put({ id: 'a', n: 1, note: null });
    const row = { id: 'a', n: 1, note: null, version };
    expect(await items.get('a')).toEqual(row);
    await items.flush();
    expect(await items.get('a')).toEqual(row);
    await items.forget(['a']);
    expect(await items.get('a')).toEqual(row);
    const patched = await items.patch('a', (old) => ({ ...old, n: 2 }));
    expect(patched).toEqual({ ...row, n: 2, version: expect.any(BigInt) });
    expect([(patched.version as bigint) > version, await items.get('a')]).toEqual([true, patched]);
    await items.flush();
    const stored = await here.sql<{ version: string }>(`SELECT version FROM ${here.schema}.item`);
    expect(stored).toEqual([{ version: `${patched.version}` }]);
  });

  it('versionField: a newer row of another program stays, readers get it, and it is told', async () => {
    const here = await world();
    const { sql, schema } = here;
    const { items, log } = await versioned(here, { flushDelay: '1m', sweep: '1m' });
    const { version } = await items.put({ id: 'a', n: 1, note: 'ours' });
    await items.put({ id: 'b', n: 1, note: 'ours' });
    await sql(
      `INSERT INTO ${schema}.item VALUES ('a', 7, 'theirs', ${version + 5n}), ('b', 7, 'theirs', ${version - 5n})`,
    );
    expect(await items.get('a')).toMatchObject({ note: 'ours' });
    await items.put({ id: 'c', n: 1, note: 'ours' }, { durability: 'persisted' });
    await items.flush();
    expect(await items.getMany(['a', 'b'])).toMatchObject([
      { note: 'theirs', version: version + 5n },
      { note: 'ours' },
    ]);
    expect(await items.stats()).toMatchObject({ dirty: 0, deadLetters: 0, outdated: 1 });
    expect(log.filter((line) => line.includes('came too late'))).toEqual([
      expect.stringContaining(
        '1 write of Item came too late: Postgres has rows with a higher version, and keeps them.',
      ),
    ]);
    // A write that is newer than theirs counts again.
    await eventually(async () => (await items.put({ id: 'a', n: 2, note: 'ours' })).version > version + 5n);
    await items.flush();
    expect((await here.rows())[0]).toMatchObject({ id: 'a', n: 2, note: 'ours' });
  });

  it('versionField: a newer row is not deleted either', async () => {
    const here = await world();
    const { items } = await versioned(here, { flushDelay: '1m', sweep: '1m' });
    await items.put({ id: 'a', n: 1, note: null }, { durability: 'persisted' });
    const { version } = await items.delete('a');
    await here.sql(`UPDATE ${here.schema}.item SET note = 'theirs', version = ${version + 5n}`);
    expect(await items.get('a')).toBeNull();
    await items.flush();
    expect(await items.get('a')).toMatchObject({ note: 'theirs' });
    await items.delete('a', { durability: 'persisted' });
    expect([await items.get('a'), await here.rows()]).toEqual([null, []]);
  });

  async function familyOf(
    { app, sql, schema }: WriteBehindWorld,
    dependsOn: string[],
    { item = {}, ...more }: Partial<WriteBehindOptions> & { item?: object } = {},
  ) {
    await sql(`CREATE TABLE ${schema}.child (id text PRIMARY KEY, parent text REFERENCES ${schema}.item (id))`);
    const entities = {
      Child: { ...from(schema, 'child'), dependsOn },
      Item: { ...from(schema, 'item'), ...item },
    };
    const opened = await app({ ...redis, writeBehind: { entities, ...more } });
    const childRows = () => sql<Child>(`SELECT id, parent FROM ${schema}.child ORDER BY id`);
    return { ...opened, childRows, children: opened.get<WriteBehind<Child, string>>(CHILD) };
  }

  it.each([
    [[], 'are tried again and again until'],
    [['Item'], 'wait until'],
  ])('dependsOn %j: rows that refer to pending ones %s those are written', async (dependsOn, _) => {
    const { items, children, childRows } = await familyOf(await world(), dependsOn, { item: { flushDelay: 150 } });
    for (let n = 0; n < 30; n++) {
      await items.put({ id: `p${n}`, n, note: null });
      await children.put({ id: `c${n}`, parent: `p${n}` });
    }
    await eventually(async () => (await childRows()).length === 30);
    const { retries } = await children.stats();
    if (dependsOn.length > 0) expect(retries).toBe(0);
    else expect(retries).toBeGreaterThan(0);
  });

  it('dependsOn: a parent that is refused, or cannot be written at all, does not keep others waiting', async () => {
    const here = await world();
    const { items, children, childRows } = await familyOf(here, ['Item'], { item: { rowAttempts: 2 } });
    await items.put({ id: 'bad', n: -1, note: null });
    await children.put({ id: 'orphan', parent: 'bad' });
    await children.put({ id: 'a', parent: null }, { durability: 'persisted' });
    await eventually(async () => (await items.stats()).deadLetters === 1);
    await children.put({ id: 'b', parent: null }, { durability: 'persisted' });
    expect((await childRows()).map(({ id }) => id)).toEqual(['a', 'b']);
    // Rows that nobody else may write: this process is in trouble with them as long as somebody holds their lock.
    await here.sql(`INSERT INTO ${here.schema}.item VALUES ('locked', 1, NULL)`);
    const release = await lockRow(here, 'locked');
    await items.put({ id: 'locked', n: 2, note: null });
    await children.put({ id: 'c', parent: null }, { durability: 'persisted' });
    expect((await childRows()).map(({ id }) => id)).toContain('c');
    expect(await here.rows()).toEqual([{ id: 'locked', n: 1, note: null }]);
    await release();
    await items.flush();
    expect(await here.rows()).toEqual([{ id: 'locked', n: 2, note: null }]);
  });
});

/** Held until the answer is called. */
async function lockRow({ prisma, schema }: WriteBehindWorld, id: string): Promise<() => Promise<void>> {
  let end = (): void => undefined;
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  let locked = (): void => undefined;
  const ready = new Promise<void>((resolve) => {
    locked = resolve;
  });
  const transaction = prisma.$transaction(
    async (tx) => {
      await tx.$executeRawUnsafe(`SELECT 1 FROM ${schema}.item WHERE id = $1 FOR UPDATE`, id);
      locked();
      await ended;
    },
    { timeout: 30_000 },
  );
  await ready;
  return async () => {
    end();
    await transaction;
  };
}

describe('dependsOn', () => {
  const problemsOf = (entities: Record<string, object>): string[] => {
    try {
      resolveWriteBehind({ client: 'prisma', entities });
      return [];
    } catch (error) {
      if (!(error instanceof CacheOptionsError)) throw error;
      return error.problems.map(({ option, value, remedy }) => `${option} ${value}: ${remedy}`);
    }
  };

  it('names entities that there are, each once', () => {
    const entities = { A: {}, B: { dependsOn: ['A', 'A'] }, C: { dependsOn: ['A', 'B'] } };
    const resolved = resolveWriteBehind({ client: 'prisma', entities }).entities;
    expect([...resolved.values()].map(({ dependsOn }) => dependsOn)).toEqual([[], ['A'], ['A', 'B']]);
  });

  it.each([
    [{ A: { dependsOn: ['Nobody'] } }, 'entities.A.dependsOn Nobody: There is no such entity, only A'],
    [
      { A: { dependsOn: 'B' }, B: {} },
      "entities.A.dependsOn B: Pass an array of names of entities: dependsOn: ['Customer'].",
    ],
    [{ A: { dependsOn: ['A'] } }, 'entities.A.dependsOn A -> A: Rows cannot wait for each other'],
    [
      { A: {}, B: { dependsOn: ['D', 'A'] }, C: { dependsOn: ['B'] }, D: { dependsOn: ['C'] } },
      'entities.B.dependsOn B -> D -> C -> B: Rows cannot wait for each other',
    ],
  ])('is refused at boot where it cannot be: %j', (entities, message) => {
    expect(problemsOf(entities)).toEqual([expect.stringContaining(message)]);
  });

  it('may meet in one entity', () => {
    const entities = { A: {}, B: { dependsOn: ['A'] }, C: { dependsOn: ['A'] }, D: { dependsOn: ['B', 'C'] } };
    expect(problemsOf(entities)).toEqual([]);
  });
});
