import type { Milliseconds } from '../../engine/duration.js';
import { labelOf, withVersion } from '../row-version.js';
import { type Encoded, FencedError, type Table } from '../table.js';
import type { PendingWrite } from '../write-buffer.js';
import { readCatalogue } from './catalogue.js';
import { withDeadline } from './deadline.js';
import { layOut } from './layout.js';
import { type EntityOptions, type FieldName, namesOf } from './names.js';
import type { PrismaClientLike, PrismaQueries } from './prisma-client-like.js';
import { RowCodec } from './row-codec.js';
import { type Statements, statementsOf } from './statements.js';

export interface TableOptions extends EntityOptions {
  /** Keeps buffers apart that write to one database: part of the name under which epochs are compared. */
  scope: string;
  /**
   * How long one statement of a batch, a wait for a lock, or the process between two statements may take. The whole of a
   * write takes at most about three times as long, mostly for a connection.
   */
  statementTimeout: Milliseconds;
}

/** Reads the catalogue and makes the entity's table ready. Throws `CacheOptionsError` with all that does not fit. */
export async function openTable(client: PrismaClientLike, entity: string, options: TableOptions): Promise<Table> {
  const table = new PrismaTable(client, entity, options, await prepare(client, entity, options));
  return table;
}

/** SQLSTATE "no data found" of PL/pgSQL; one of those that mean: a row is at fault. */
const NO_DATA = 'P0002';

/** What depends on the columns of the table. Replaced as a whole. */
interface Prepared {
  fields: readonly FieldName[];
  codec: RowCodec;
  sql: Statements;
  versionLabel: string | undefined;
}

/** @param fields what callers write already: without a model the table would say it, and forget what was dropped */
async function prepare(
  client: PrismaClientLike,
  entity: string,
  options: TableOptions,
  fields?: readonly FieldName[],
): Promise<Prepared> {
  const said = namesOf(client, entity, options);
  const names = { ...said, fields: said.fields ?? fields };
  const found = await withDeadline(readCatalogue(client, names), 2 * options.statementTimeout);
  const layout = layOut(entity, options, names, found);
  return {
    fields: layout.columns.map(({ field, name }) => ({ field, column: name })),
    codec: new RowCodec(entity, layout.columns, layout.id, layout.version),
    sql: statementsOf(layout),
    versionLabel: layout.version && labelOf(layout.version.name),
  };
}

class PrismaTable implements Table {
  readonly #client: PrismaClientLike;
  readonly #entity: string;
  readonly #options: TableOptions;
  #prepared: Prepared;

  constructor(client: PrismaClientLike, entity: string, options: TableOptions, prepared: Prepared) {
    this.#client = client;
    this.#entity = entity;
    this.#options = options;
    this.#prepared = prepared;
  }

  get versionLabel(): string | undefined {
    return this.#prepared.versionLabel;
  }

  encode(row: unknown): Encoded {
    return this.#prepared.codec.encode(row);
  }

  encodeId(id: unknown): Encoded {
    return this.#prepared.codec.encodeId(id);
  }

  decode(payload: string): object {
    return this.#prepared.codec.decode(payload);
  }

  idOf(payload: string): unknown {
    return this.#prepared.codec.idOf(payload);
  }

  async load(ids: readonly string[]): Promise<(string | null)[]> {
    const payloads = ids.map((): string | null => null);
    if (ids.length === 0) return payloads;
    const rows = await withDeadline(
      this.#client.$queryRawUnsafe<{ place: number; payload: string }[]>(this.#prepared.sql.load, arrayOf(ids)),
      2 * this.#options.statementTimeout,
    );
    for (const { place, payload } of rows) payloads[place - 1] = payload;
    return payloads;
  }

  /**
   * As long as there is no trouble one statement does it: half the CPU time of a transaction. Deletes need one: what they see
   * must be younger than the fence.
   */
  async write(
    shard: number,
    epoch: number,
    writes: readonly PendingWrite[],
    careful = false,
  ): Promise<readonly string[]> {
    const { sql } = this.#prepared;
    if (careful || writes.some((write) => write.operation === 'delete'))
      return this.#transact(sql, shard, epoch, writes);
    const { statementTimeout } = this.#options;
    const fence = [this.#scoped, shard, `${epoch}`, `${statementTimeout}`];
    const statement = this.#client.$executeRawUnsafe(sql.fencedUpsert, this.#arrayOf(writes), ...fence);
    const written = await withDeadline(statement, 2 * statementTimeout);
    if (written === 0) {
      const known = await withDeadline(this.#epochOf(this.#client, sql, shard, epoch), 2 * statementTimeout);
      if (known > epoch) throw new FencedError(known);
    }
    return withDeadline(this.#leftOut(this.#client, sql, writes, written), 2 * statementTimeout);
  }

  async #transact(
    sql: Statements,
    shard: number,
    epoch: number,
    writes: readonly PendingWrite[],
  ): Promise<readonly string[]> {
    const { statementTimeout } = this.#options;
    const transaction = this.#client.$transaction((tx) => this.#write(tx, sql, shard, epoch, writes), {
      maxWait: statementTimeout,
      // The database's limit comes first: it names the reason, and its locks are gone at once.
      timeout: Math.ceil(1.25 * statementTimeout),
    });
    return withDeadline(transaction, 4 * statementTimeout);
  }

  async #write(
    tx: PrismaQueries,
    sql: Statements,
    shard: number,
    epoch: number,
    writes: readonly PendingWrite[],
  ): Promise<readonly string[]> {
    await this.#fence(tx, sql, shard, epoch);
    const upserts = writes.filter(({ operation }) => operation === 'upsert');
    const deletes = writes.filter(({ operation }) => operation === 'delete');
    // Both kinds in one order: somebody else may delete what we write and write what we delete.
    if (deletes.length > 0) await tx.$executeRawUnsafe(sql.lock, this.#arrayOf(writes));
    const newer: string[] = [];
    if (upserts.length > 0) {
      const written = await tx.$executeRawUnsafe(sql.upsert, this.#arrayOf(upserts));
      newer.push(...(await this.#leftOut(tx, sql, upserts, written)));
    }
    if (deletes.length > 0) {
      const removed = await tx.$executeRawUnsafe(sql.remove, this.#arrayOf(deletes));
      // Most of those that were not removed were not there.
      if (removed < deletes.length && sql.newer) newer.push(...(await this.#found(tx, sql.newer, deletes)).newer);
    }
    return newer;
  }

  /** The keys of upserts that were not written because their rows are newer. Throws if there is no such reason. */
  async #leftOut(
    queries: PrismaQueries,
    sql: Statements,
    upserts: readonly PendingWrite[],
    written: number,
  ): Promise<readonly string[]> {
    if (written >= upserts.length || sql.keeps) return [];
    const { there, newer } = sql.newer ? await this.#found(queries, sql.newer, upserts) : { there: written, newer: [] };
    if (there < upserts.length) throw dropped(upserts.length - there, upserts.length);
    return newer;
  }

  /** How many rows are there with their version or a higher one, and the keys of the latter. */
  async #found(
    queries: PrismaQueries,
    newer: string,
    writes: readonly PendingWrite[],
  ): Promise<{ there: number; newer: string[] }> {
    const rows = await queries.$queryRawUnsafe<{ place: number; newer: boolean }[]>(newer, this.#arrayOf(writes));
    const keys = rows.flatMap((row) => (row.newer ? [(writes[row.place - 1] as PendingWrite).key] : []));
    return { there: rows.length, newer: keys };
  }

  #arrayOf(writes: readonly PendingWrite[]): string {
    const { versionLabel } = this.#prepared;
    return arrayOf(writes.map(({ payload, version }) => withVersion(payload, versionLabel, version)));
  }

  /** Waits for whoever else writes to the shard, and lets nobody with an older epoch write after us. */
  async #fence(tx: PrismaQueries, sql: Statements, shard: number, epoch: number): Promise<void> {
    const limit = `${this.#options.statementTimeout}`;
    if ((await tx.$executeRawUnsafe(sql.fence, this.#scoped, shard, `${epoch}`, limit)) > 0) return;
    throw new FencedError(await this.#epochOf(tx, sql, shard, epoch)); // inside the transaction, so it is rolled back
  }

  async #epochOf(queries: PrismaQueries, sql: Statements, shard: number, otherwise: number): Promise<number> {
    const [row] = await queries.$queryRawUnsafe<{ epoch: string }[]>(sql.epoch, this.#scoped, shard);
    return Number(row?.epoch ?? otherwise);
  }

  /** The entity's name among the fences. */
  get #scoped(): string {
    return `${this.#options.scope}:${this.#entity}`;
  }

  async refresh(): Promise<void> {
    this.#prepared = await prepare(this.#client, this.#entity, this.#options, this.#prepared.fields);
  }

  async ping(): Promise<void> {
    await withDeadline(this.#client.$queryRawUnsafe('SELECT 1 AS answer'), 2 * this.#options.statementTimeout);
  }
}

/** A trigger or rule can drop a row without an error. */
function dropped(missing: number, of: number): Error {
  const error = new Error(`${missing} of ${of} rows were not written: a trigger or rule of the table drops them.`);
  return Object.assign(error, { code: NO_DATA });
}

function arrayOf(payloads: readonly string[]): string {
  return `[${payloads.join(',')}]`;
}
