import type { Layout } from './layout.js';
import { quoteName, quoteTable } from './quote.js';
import type { Column } from './row-codec.js';

/** The SQL of one entity. Payloads are JSON by column name, so an array of them is one parameter for any number of rows. */
export interface Statements {
  /**
   * Affects no row if the shard has a newer epoch. Also limits, in ms as text, each statement that follows, waits for locks
   * (also its own), and the time between statements; all until the transaction ends. Parameters: entity, shard, epoch, limit.
   */
  fence: string;
  /** The epoch of a shard, as text. Parameters: entity, shard. */
  epoch: string;
  /** Affects as many rows, unless it `keeps` some, or some are newer. Parameter: array of payloads. */
  upsert: string;
  /**
   * Fence and upsert at once, without a transaction around them: affects no row if the shard has a newer epoch. Only waits
   * for rows are limited; for a lock of the whole table it waits as long as that is held. Parameters: array of payloads,
   * entity, shard, epoch, limit in ms as text.
   */
  fencedUpsert: string;
  /** Rows that are there already stay as they are. */
  keeps: boolean;
  /** Locks the rows that exist, in the order of the id. Parameter: array of payloads, of rows or ids. */
  lock: string;
  /** Parameter: array of payloads of ids. */
  remove: string;
  /**
   * Of entities with versions: the places (from 1) of rows that are there with this version or a higher one, and which.
   * Parameter: array of payloads, of rows or ids, with versions.
   */
  newer: string | undefined;
  /** Rows that exist, as payloads, with the place of their id (from 1). Parameter: array of payloads of ids. */
  load: string;
}

const LIMITS = `SELECT set_config('statement_timeout', $4, true), set_config('lock_timeout', $4, true),
  set_config('idle_in_transaction_session_timeout', $4, true)`;
/** The only one that a statement can set for itself: the others count from its beginning, or after its end. */
const LIMIT = `SELECT set_config('lock_timeout', $5, true)`;

export function statementsOf(layout: Layout): Statements {
  const table = quoteTable(layout.table.schema, layout.table.table);
  const fence = quoteTable(layout.fence.schema, layout.fence.table);
  const columns = layout.columns.filter((column) => !column.generated);
  const { version } = layout;
  const ids = records(layout.id);
  const joined = layout.id.map((column) => `t.${quoteName(column.name)} = p.${quoteName(column.name)}`).join(' AND ');
  return {
    fence: fenceOf(fence, LIMITS, '$1, $2::int, $3::bigint'),
    epoch: `SELECT epoch::text AS epoch FROM ${fence} WHERE entity = $1 AND shard = $2::int`,
    upsert: upsertOf(table, columns, layout),
    // No row is there to be written before the fence is: joined to it, each needs the fence's row.
    fencedUpsert: `WITH fence AS (${fenceOf(fence, LIMIT, '$2, $3::int, $4::bigint')} RETURNING 1)
  ${upsertOf(table, columns, layout, ', fence')}`,
    keeps: changedOf(columns, layout.id).length === 0,
    lock: `SELECT count(*) FROM (
  SELECT FROM ${table} AS t JOIN ${ids} ON ${joined} ORDER BY ${list(layout.id, 't')} FOR UPDATE OF t
) AS locked`,
    remove: version
      ? `DELETE FROM ${table} AS t USING ${records([...layout.id, version])} WHERE ${joined} AND ${isOlder(version, '<=', 'p')}`
      : `DELETE FROM ${table} AS t USING ${ids} WHERE ${joined}`,
    newer: version && newerOf(table, layout.id, version),
    load: loadOf(table, layout),
  };
}

/** One trip for both; MATERIALIZED, so that the limits are there before the fence waits for its lock. */
function fenceOf(fence: string, limits: string, values: string): string {
  return `WITH limits AS MATERIALIZED (${limits})
  INSERT INTO ${fence} AS f (entity, shard, epoch) SELECT ${values} FROM limits
  ON CONFLICT (entity, shard) DO UPDATE SET epoch = excluded.epoch WHERE f.epoch <= excluded.epoch`;
}

/**
 * Sorted by id: two transactions that write the same rows in different orders would wait for each other. The types are
 * spelled out, so that columns without a field are not even looked at (a domain may forbid the NULL they would get).
 */
function upsertOf(table: string, columns: readonly Column[], { id, version }: Layout, joined = ''): string {
  const set = changedOf(columns, id)
    .map((column) => `${quoteName(column.name)} = excluded.${quoteName(column.name)}`)
    .join(', ');
  const overriding = columns.some((column) => column.fixed) ? ' OVERRIDING SYSTEM VALUE' : '';
  // Not the same version again: what a batch that is written twice would change is what others have changed in between.
  const only = version ? ` WHERE ${isOlder(version, '<', 'excluded')}` : '';
  return `INSERT INTO ${table} AS t (${list(columns)})${overriding}
  SELECT ${list(columns, 'p')} FROM ${records(columns)}${joined} ORDER BY ${list(id, 'p')}
  ON CONFLICT (${list(id)}) DO ${set === '' ? 'NOTHING' : `UPDATE SET ${set}${only}`}`;
}

/** Rows without a version are older than all that have one. */
function isOlder(version: Column, than: '<' | '<=', alias: string): string {
  const name = quoteName(version.name);
  return `(t.${name} IS NULL OR t.${name} ${than} ${alias}.${name})`;
}

function newerOf(table: string, id: readonly Column[], version: Column): string {
  const own = `t.${quoteName(version.name)}`;
  return `SELECT p.place::int AS place, ${own} > p.version AS newer
  FROM ${numbered([...id, version], [...keysOf(id), 'version'])}
  JOIN ${table} AS t ON ${joinedBy(id)} WHERE ${own} >= p.version`;
}

function changedOf(columns: readonly Column[], id: readonly Column[]): Column[] {
  return columns.filter((column) => !id.includes(column) && !column.fixed);
}

/**
 * A sub-select per row makes the JSON: json_build_object takes no more than 50 columns. `r.*` and not `r`, which could be
 * a column.
 */
function loadOf(table: string, layout: Layout): string {
  const values = layout.columns.map((column) => {
    const expression = `t.${quoteName(column.name)}`;
    return `${column.codec.load ? column.codec.load(expression) : expression} AS ${quoteName(column.name)}`;
  });
  return `SELECT p.place::int AS place, (SELECT row_to_json(r.*)::text FROM (SELECT ${values.join(', ')}) AS r) AS payload
  FROM ${numbered(layout.id, keysOf(layout.id))}
  JOIN ${table} AS t ON ${joinedBy(layout.id)}`;
}

/** Records with their places, from 1. */
function numbered(columns: readonly Column[], names: readonly string[]): string {
  return `ROWS FROM (json_to_recordset($1::json) AS (${definitions(columns)})) WITH ORDINALITY AS p(${names.join(', ')}, place)`;
}

/** Names of our own: those of the columns could be the name of the place. */
function keysOf(id: readonly Column[]): string[] {
  return id.map((_, index) => `k${index}`);
}

function joinedBy(id: readonly Column[]): string {
  return id.map((column, index) => `t.${quoteName(column.name)} = p.k${index}`).join(' AND ');
}

function records(columns: readonly Column[]): string {
  return `json_to_recordset($1::json) AS p(${definitions(columns)})`;
}

function definitions(columns: readonly Column[]): string {
  return columns.map((column) => `${quoteName(column.name)} ${column.codec.readAs ?? column.sqlType}`).join(', ');
}

function list(columns: readonly Column[], alias?: string): string {
  return columns.map((column) => (alias ? `${alias}.` : '') + quoteName(column.name)).join(', ');
}
