import type { Milliseconds } from '../../engine/duration.js';
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
    codec: new RowCodec(entity, layout.columns, layout.id),
    sql: statementsOf(layout),
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
  async write(shard: number, epoch: number, writes: readonly PendingWrite[], careful = false): Promise<void> {
    const { sql } = this.#prepared;
    if (careful || writes.some((write) => write.operation === 'delete'))
      return this.#transact(sql, shard, epoch, writes);
    const { statementTimeout } = this.#options;
    const upserts = arrayOf(writes.map((write) => write.payload));
    const fence = [this.#scoped, shard, `${epoch}`, `${statementTimeout}`];
    const statement = this.#client.$executeRawUnsafe(sql.fencedUpsert, upserts, ...fence);
    const written = await withDeadline(statement, 2 * statementTimeout);
    if (written === 0) {
      const known = await withDeadline(this.#epochOf(this.#client, sql, shard, epoch), 2 * statementTimeout);
      if (known > epoch) throw new FencedError(known);
    }
    if (written < writes.length && !sql.keeps) throw dropped(writes.length - written, writes.length);
  }

  async #transact(sql: Statements, shard: number, epoch: number, writes: readonly PendingWrite[]): Promise<void> {
    const { statementTimeout } = this.#options;
    const transaction = this.#client.$transaction((tx) => this.#write(tx, sql, shard, epoch, writes), {
      maxWait: statementTimeout,
      // The database's limit comes first: it names the reason, and its locks are gone at once.
      timeout: Math.ceil(1.25 * statementTimeout),
    });
    await withDeadline(transaction, 4 * statementTimeout);
  }

  async #write(
    tx: PrismaQueries,
    sql: Statements,
    shard: number,
    epoch: number,
    writes: readonly PendingWrite[],
  ): Promise<void> {
    await this.#fence(tx, sql, shard, epoch);
    const upserts = payloadsOf(writes, 'upsert');
    const deletes = payloadsOf(writes, 'delete');
    // Both kinds in one order: somebody else may delete what we write and write what we delete.
    if (deletes.length > 0) await tx.$executeRawUnsafe(sql.lock, arrayOf(writes.map((write) => write.payload)));
    if (upserts.length > 0) {
      const written = await tx.$executeRawUnsafe(sql.upsert, arrayOf(upserts));
      if (written < upserts.length && !sql.keeps) throw dropped(upserts.length - written, upserts.length);
    }
    if (deletes.length > 0) await tx.$executeRawUnsafe(sql.remove, arrayOf(deletes));
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

function payloadsOf(writes: readonly PendingWrite[], operation: PendingWrite['operation']): string[] {
  return writes.filter((write) => write.operation === operation).map((write) => write.payload);
}

function arrayOf(payloads: readonly string[]): string {
  return `[${payloads.join(',')}]`;
}
