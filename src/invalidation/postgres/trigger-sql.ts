import { createHash } from 'node:crypto';
import { Check } from '../../cache.check.js';
import { eventNameRemedy, hasWildcard } from '../event-pattern.js';
import { DEFAULT_CHANNEL, MAX_NAME, nameRemedy, QUOTE, quoteName, quoteText } from './names.js';

/** Options of `invalidationTriggerSql`. Names are as the database has them, without quotes. */
export interface InvalidationTriggerOptions {
  table: string;
  /** Default: the first schema of the search path in which the table is found. */
  schema?: string;
  /** The events are `<event>.insert`, `.update`, `.delete` and `.truncate`. Default: the name of the table. */
  event?: string;
  /** The column or columns that identify a row: the payload's `id`. Default `'id'`. */
  id?: string | readonly string[];
  /**
   * Further columns, of which the payload's `old` and `new` tell the values: what the keys and tags of your rules are made of.
   * Who may connect to the database can listen: name no secrets. Default: none.
   */
  columns?: readonly string[];
  /** That of `postgresEvents`. Default `'nestjs_strata'`. */
  channel?: string;
}

/** Most rows of one statement that are told one by one. */
const MAX_ROWS = 1_000;
/** pg_notify refuses payloads of 8,000 bytes and more. */
const MAX_BYTES = 7_999;

/**
 * SQL that makes a table tell its changes, whoever makes them: for a migration, or to be run at any time (again, too). One
 * function and four triggers for each statement, not for each row: a statement costs one notification however many rows it
 * changes, and none if it changes none. What does not fit into it is left out: first the columns, then the ids.
 * Needs PostgreSQL 14 or later. Throws `CacheOptionsError` for wrong options.
 */
export function invalidationTriggerSql(options: InvalidationTriggerOptions): string {
  const parts = resolve(options);
  const { target, functionName, selected } = parts;
  const trigger = (operation: string, rows: string): string =>
    `CREATE OR REPLACE TRIGGER ${quoteName(`${parts.prefix}_${operation.toLowerCase()}`)} AFTER ${operation} ON ${target}
  ${rows}FOR EACH STATEMENT EXECUTE FUNCTION ${functionName}();`;
  return [
    '-- Tells nestjs-strata which rows are changed. Made by invalidationTriggerSql().',
    `-- To remove it: DROP FUNCTION ${functionName}() CASCADE;`,
    // Without this a wrong column would be found out by the first statement that changes a row.
    `DO ${QUOTE} BEGIN PERFORM ${selected} FROM ${target} LIMIT 0; END ${QUOTE};`,
    functionSql(parts),
    trigger('INSERT', 'REFERENCING NEW TABLE AS new_rows '),
    trigger('UPDATE', 'REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows '),
    trigger('DELETE', 'REFERENCING OLD TABLE AS old_rows '),
    trigger('TRUNCATE', ''),
    '',
  ].join('\n');
}

type Parts = ReturnType<typeof resolve>;

function resolve(options: InvalidationTriggerOptions) {
  const check = new Check('');
  check.known(options, ['table', 'schema', 'event', 'id', 'columns', 'channel']);
  const { table, schema, event = table, id = 'id', columns = [], channel = DEFAULT_CHANNEL } = options;
  const ids: readonly string[] = Array.isArray(id) ? id : [id as string];
  const isName = (option: string, name: unknown): void => {
    const remedy = nameRemedy(name);
    if (remedy !== undefined) check.fail(option, name, remedy);
  };
  isName('table', table);
  if (schema !== undefined) isName('schema', schema);
  isName('channel', channel);
  for (const name of ids) isName('id', name);
  if (ids.length === 0) check.fail('id', id, 'Name the column or columns that identify a row.');
  if (Array.isArray(columns)) for (const name of columns) isName('columns', name);
  else check.fail('columns', columns, "Pass an array of names: ['category_id'].");
  const eventRemedy = eventNameRemedy(event) ?? nameRemedy(event);
  if (eventRemedy !== undefined || hasWildcard(event)) {
    check.fail('event', event, eventRemedy ?? "Name one event: 'product'; '.update' is added.");
  }
  check.end('invalidationTriggerSql() is called wrongly');
  const others = columns.filter((name) => !ids.includes(name));
  const prefix = channel === DEFAULT_CHANNEL ? 'strata_notify' : shorten(`strata_notify_${channel}`, MAX_NAME - 9);
  const inSchema = (name: string) => (schema === undefined ? name : `${quoteName(schema)}.${name}`);
  return {
    prefix,
    channel,
    event,
    ids,
    columns: others,
    target: inSchema(quoteName(table)),
    functionName: inSchema(quoteName(shorten(`${prefix}_${table}`, MAX_NAME))),
    selected: [...ids, ...others].map(quoteName).join(', '),
  };
}

function functionSql({ functionName, channel, event, ids, columns }: Parts): string {
  const id = (alias: string) => array(ids.map((name) => value(`${alias}.${quoteName(name)}`)));
  const row = (alias: string) => array(columns.map((name) => value(`${alias}.${quoteName(name)}`)));
  const first = quoteName(ids[0] as string);
  const same = ids.map((name) => `o.${quoteName(name)} = n.${quoteName(name)}`).join(' AND ');
  const anyId = `CASE WHEN n.${first} IS NULL THEN ${id('o')} ELSE ${id('n')} END`;
  const ofOld = `CASE WHEN o.${first} IS NOT NULL THEN ${row('o')} END`;
  const ofNew = `CASE WHEN n.${first} IS NOT NULL THEN ${row('n')} END`;
  const list = (idOf: string, old: string, now: string, from: string): string => `
        SELECT pg_catalog.string_agg(pg_catalog.json_build_array(${idOf}, ${old}, ${now})::text, ','),
          pg_catalog.string_agg((${idOf})::text, ',') INTO rows_told, ids_told FROM ${from};`;
  const names = (list: readonly string[]) => quoteText(JSON.stringify(list));
  return `CREATE OR REPLACE FUNCTION ${functionName}() RETURNS trigger LANGUAGE plpgsql AS ${QUOTE}
DECLARE
  head text := pg_catalog.rtrim(pg_catalog.json_build_object('strata', 1, 'event', ${quoteText(event)},
    'op', pg_catalog.lower(TG_OP), 'schema', TG_TABLE_SCHEMA, 'table', TG_TABLE_NAME,
    'id', ${names(ids)}::json, 'columns', ${names(columns)}::json)::text, '}');
  told text := head || '}';
  rows_told text;
  ids_told text;
  changed bigint;
BEGIN
  IF TG_OP <> 'TRUNCATE' THEN
    -- Trouble in here must not fail the statement that changes rows: then it tells only that there was one.
    BEGIN
      IF TG_OP = 'DELETE' THEN
        SELECT pg_catalog.count(*) INTO changed FROM (SELECT FROM old_rows LIMIT ${MAX_ROWS + 1}) AS limited;
      ELSE
        SELECT pg_catalog.count(*) INTO changed FROM (SELECT FROM new_rows LIMIT ${MAX_ROWS + 1}) AS limited;
      END IF;
      IF changed = 0 THEN RETURN NULL; END IF;
      IF changed > ${MAX_ROWS} THEN NULL;
      ELSIF TG_OP = 'INSERT' THEN${list(id('n'), 'NULL::json', row('n'), 'new_rows AS n')}
      ELSIF TG_OP = 'DELETE' THEN${list(id('o'), row('o'), 'NULL::json', 'old_rows AS o')}
      ELSE${list(anyId, ofOld, ofNew, `old_rows AS o FULL JOIN new_rows AS n ON ${same}`)}
      END IF;
      rows_told := head || ',"rows":[' || rows_told || ']}';
      ids_told := head || ',"ids":[' || ids_told || ']}';
      IF pg_catalog.octet_length(rows_told) <= ${MAX_BYTES} THEN told := rows_told;
      ELSIF pg_catalog.octet_length(ids_told) <= ${MAX_BYTES} THEN told := ids_told;
      END IF;
    EXCEPTION WHEN OTHERS THEN
      told := head || '}';
    END;
  END IF;
  PERFORM pg_catalog.pg_notify(${quoteText(channel)}, told);
  RETURN NULL;
END
${QUOTE};`;
}

function array(values: readonly string[]): string {
  return `pg_catalog.json_build_array(${values.join(', ')})`;
}

/** JSON numbers would lose digits of these types in JavaScript. */
function value(column: string): string {
  return `CASE WHEN pg_catalog.pg_typeof(${column}) IN ('pg_catalog.int8'::pg_catalog.regtype, 'pg_catalog.numeric'::pg_catalog.regtype) THEN pg_catalog.to_json(${column}::text) ELSE pg_catalog.to_json(${column}) END`;
}

function shorten(name: string, bytes: number): string {
  if (Buffer.byteLength(name) <= bytes) return name;
  const hash = createHash('sha256').update(name).digest('hex').slice(0, 12);
  let head = name;
  while (Buffer.byteLength(head) > bytes - 13) head = [...head].slice(0, -1).join('');
  return `${head}_${hash}`;
}
