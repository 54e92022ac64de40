import type { EntityNames } from './names.js';
import type { PrismaQueries } from './prisma-client-like.js';
import { quoteTable } from './quote.js';

/** A column as PostgreSQL describes it. Domains are seen through; the type of a list is that of its elements. */
export interface CatalogueColumn {
  name: string;
  /** As SQL text, such as `character varying(64)[]`. */
  sqlType: string;
  /** Such as `int4`, `numeric`; types of others with their schema, such as `public.citext`. */
  type: string;
  list: boolean;
  /** What stands in brackets after the type, in PostgreSQL's own encoding; -1: nothing. */
  modifier: number;
  /** Labels, if it is an enum. */
  labels: string[] | null;
  required: boolean;
  generated: boolean;
  /** GENERATED ALWAYS AS IDENTITY. */
  identityAlways: boolean;
  hasDefault: boolean;
  /** Whether texts that differ may be equal (a nondeterministic collation). */
  loose: boolean;
}

export interface TableName {
  schema: string;
  table: string;
}

export interface Catalogue {
  /** `null`: not found. */
  table: (TableName & { kind: string }) | null;
  fence: TableName | null;
  columns: CatalogueColumn[];
  /** Column names of unique indexes that ON CONFLICT can use. */
  uniques: { primary: boolean; columns: string[] }[];
}

/** The class of the client's decimal numbers; `undefined`: it gives them as text. */
export type DecimalClass = (new (value: string) => object) | undefined;

/**
 * One query for all: a client that maps columns to its own types gets one text and nothing else to interpret. The
 * number tells which class the client uses for `numeric`.
 */
const QUERY = `
WITH RECURSIVE target AS (
  SELECT c.oid, n.nspname, c.relname, c.relkind
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.oid = to_regclass($1)
), fence AS (
  SELECT n.nspname, c.relname
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.oid = coalesce(
    to_regclass($2),
    to_regclass((SELECT format('%I.strata_fence', nspname) FROM target)),
    to_regclass('strata_fence')
  )
), step AS (
  SELECT a.attnum, 0 AS depth, a.atttypid AS type, a.atttypmod AS modifier, false AS list, false AS required, false AS filled
  FROM target JOIN pg_attribute a ON a.attrelid = target.oid AND a.attnum > 0 AND NOT a.attisdropped
  UNION ALL
  SELECT s.attnum, s.depth + 1,
    CASE t.typtype WHEN 'd' THEN t.typbasetype ELSE t.typelem END,
    CASE t.typtype WHEN 'd' THEN t.typtypmod ELSE s.modifier END,
    s.list OR t.typtype <> 'd',
    s.required OR (t.typtype = 'd' AND t.typnotnull AND NOT s.list),
    s.filled OR (t.typtype = 'd' AND t.typdefault IS NOT NULL AND NOT s.list)
  FROM step s JOIN pg_type t ON t.oid = s.type
  WHERE t.typtype = 'd' OR (t.typcategory = 'A' AND t.typelem <> 0)
), base AS (
  SELECT DISTINCT ON (attnum) * FROM step ORDER BY attnum, depth DESC
)
SELECT 1.5::numeric AS decimal, json_build_object(
  'table', (SELECT json_build_object('schema', nspname, 'table', relname, 'kind', relkind) FROM target),
  'fence', (SELECT json_build_object('schema', nspname, 'table', relname) FROM fence),
  'columns', (SELECT coalesce(json_agg(json_build_object(
      'name', a.attname,
      'sqlType', format_type(a.atttypid, a.atttypmod),
      'type', CASE n.nspname WHEN 'pg_catalog' THEN t.typname ELSE n.nspname || '.' || t.typname END,
      'list', b.list,
      'modifier', b.modifier,
      'labels', (SELECT json_agg(enumlabel ORDER BY enumsortorder) FROM pg_enum WHERE enumtypid = t.oid),
      'required', a.attnotnull OR b.required,
      'generated', a.attgenerated <> '',
      'identityAlways', a.attidentity = 'a',
      'hasDefault', a.atthasdef OR a.attidentity <> '' OR b.filled,
      'loose', coalesce(NOT l.collisdeterministic, false)
    ) ORDER BY a.attnum), '[]')
    FROM target
    JOIN pg_attribute a ON a.attrelid = target.oid
    JOIN base b ON b.attnum = a.attnum
    JOIN pg_type t ON t.oid = b.type
    JOIN pg_namespace n ON n.oid = t.typnamespace
    LEFT JOIN pg_collation l ON l.oid = a.attcollation),
  'uniques', (SELECT coalesce(json_agg(json_build_object(
      'primary', i.indisprimary,
      'columns', (
        SELECT json_agg(a.attname ORDER BY k.position)
        FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS k(attnum, position)
        JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
        WHERE k.position <= i.indnkeyatts
      )
    ) ORDER BY i.indisprimary DESC, i.indexrelid), '[]')
    FROM target JOIN pg_index i ON i.indrelid = target.oid
    WHERE i.indisunique AND i.indimmediate AND i.indisvalid AND NOT i.indisexclusion
      AND i.indpred IS NULL AND i.indexprs IS NULL)
)::text AS catalogue`;

export async function readCatalogue(
  client: PrismaQueries,
  names: EntityNames,
): Promise<{ catalogue: Catalogue; decimal: DecimalClass }> {
  const fence = names.fenceSchema === undefined ? null : quoteTable(names.fenceSchema, 'strata_fence');
  const rows = await client.$queryRawUnsafe<{ decimal: unknown; catalogue: string }[]>(
    QUERY,
    quoteTable(names.schema, names.table),
    fence,
  );
  const [row] = rows;
  if (!row) throw new Error('The catalogue query gave no row.');
  const { decimal } = row;
  return {
    catalogue: JSON.parse(row.catalogue) as Catalogue,
    decimal: typeof decimal === 'object' && decimal !== null ? (decimal.constructor as DecimalClass) : undefined,
  };
}
