import { CacheOptionsError, type OptionProblem } from '../../cache.errors.js';
import type { Catalogue, CatalogueColumn, DecimalClass, TableName } from './catalogue.js';
import { codecOf } from './codec-of.js';
import type { EntityNames, EntityOptions, FieldName } from './names.js';
import type { Column } from './row-codec.js';

/** An entity and its table, brought together. */
export interface Layout {
  table: TableName;
  fence: TableName;
  columns: Column[];
  /** Those of the id, in the order of their index. */
  id: Column[];
  /** Gets the version of each write. */
  version: Column | undefined;
}

/** Throws `CacheOptionsError` with everything that keeps rows of the entity from being written to the table. */
export function layOut(
  entity: string,
  options: EntityOptions,
  names: EntityNames,
  { catalogue, decimal }: { catalogue: Catalogue; decimal: DecimalClass },
): Layout {
  const problems = [...names.problems];
  const { table, fence } = catalogue;
  // Without its model everything else would only be a consequence.
  if (problems.length === 0 && !table) problems.push(tableNotFound(entity, names));
  if (!fence) problems.push(fenceNotFound());
  if (!table || !fence || names.problems.length > 0) throw unfit(entity, problems);
  if (table.kind !== 'r' && table.kind !== 'p') {
    problems.push({
      option: `${entity}.table`,
      value: `${table.schema}.${table.table}`,
      remedy: 'It is a view or a foreign table. Name a table, whose rows can be written with ON CONFLICT.',
    });
    throw unfit(entity, problems);
  }
  const columns = columnsOf(entity, options, names.fields, catalogue, decimal, problems);
  const id = idOf(entity, options, columns, catalogue, problems);
  const version = versionOf(entity, options, columns, id, catalogue, problems);
  if (problems.length > 0) throw unfit(entity, problems);
  return { table, fence, columns, id, version };
}

function columnsOf(
  entity: string,
  options: EntityOptions,
  fields: readonly FieldName[] | undefined,
  catalogue: Catalogue,
  decimal: DecimalClass,
  problems: OptionProblem[],
): Column[] {
  const found = new Map(catalogue.columns.map((column) => [column.name, column]));
  const named = fields ?? unnamedFields(entity, options, catalogue, problems);
  for (const { field, column } of named) {
    if (found.has(column)) continue;
    problems.push({
      option: `${entity}.columns.${field}`,
      value: column,
      remedy: `The table has no such column, only ${[...found.keys()].join(', ')}: migrate the table, or name the field's column.`,
    });
  }
  const filled = new Set(named.map((one) => one.column));
  for (const column of catalogue.columns) {
    if (filled.has(column.name) || !column.required || column.hasDefault || column.generated) continue;
    problems.push({
      option: `${entity}.columns`,
      value: column.name,
      remedy:
        'This column is NOT NULL, has no default, and no field: new rows could not be inserted. Add a field or a default.',
    });
  }
  for (const field of Object.keys(options.enums ?? {})) {
    if (named.some((one) => one.field === field && found.get(one.column)?.labels)) continue;
    problems.push({ option: `${entity}.enums.${field}`, value: field, remedy: 'This is no field of an enum type.' });
  }
  return named.flatMap(({ field, column: name }) => {
    const column = found.get(name);
    if (!column) return [];
    const labels = options.enums?.[field];
    if (labels && column.labels) problems.push(...wrongLabels(`${entity}.enums.${field}`, labels, column.labels));
    return [toColumn(field, column, decimal, labels)];
  });
}

function toColumn(
  field: string,
  column: CatalogueColumn,
  decimal: DecimalClass,
  labels: Readonly<Record<string, string>> | undefined,
): Column {
  return {
    field,
    name: column.name,
    sqlType: column.sqlType,
    list: column.list,
    nullable: !column.required,
    generated: column.generated,
    fixed: column.identityAlways,
    codec: codecOf(column, decimal, labels),
  };
}

/** Of a client without models: each column is a field of its own name, except those that the options rename. */
function unnamedFields(
  entity: string,
  options: EntityOptions,
  catalogue: Catalogue,
  problems: OptionProblem[],
): FieldName[] {
  const renamed = Object.entries(options.columns ?? {});
  const fieldOf = new Map(renamed.map(([field, column]) => [column, field]));
  for (const [field, column] of renamed) {
    if (catalogue.columns.some((one) => one.name === column)) continue;
    problems.push({ option: `${entity}.columns.${field}`, value: column, remedy: 'The table has no such column.' });
  }
  return catalogue.columns.map(({ name }) => ({ field: fieldOf.get(name) ?? name, column: name }));
}

function wrongLabels(
  option: string,
  labels: Readonly<Record<string, string>>,
  known: readonly string[],
): OptionProblem[] {
  return Object.entries(labels)
    .filter(([, label]) => !known.includes(label))
    .map(([name, label]) => ({
      option: `${option}.${name}`,
      value: label,
      remedy: `The database has no such label, only ${known.join(', ')}.`,
    }));
}

function idOf(
  entity: string,
  options: EntityOptions,
  columns: readonly Column[],
  catalogue: Catalogue,
  problems: OptionProblem[],
): Column[] {
  const option = `${entity}.id`;
  const names = options.id === undefined ? primaryKey(catalogue) : namedKey(columns, catalogue, options.id);
  if (names === undefined) {
    problems.push({
      option,
      value: options.id,
      remedy:
        options.id === undefined
          ? 'The table has no primary key (or a deferrable one, which ON CONFLICT cannot use): add one, or name the fields of a unique index.'
          : 'Name fields whose columns have a unique index of exactly these columns, without conditions and not deferrable.',
    });
    return [];
  }
  return names.flatMap((name) => {
    const column = columns.find((one) => one.name === name);
    const remedy = column ? flawOfId(column) : 'This column of the id has no field: add one to the model.';
    if (remedy) problems.push({ option, value: name, remedy });
    return column ? [column] : [];
  });
}

function primaryKey(catalogue: Catalogue): string[] | undefined {
  return catalogue.uniques.find((index) => index.primary)?.columns;
}

function namedKey(
  columns: readonly Column[],
  catalogue: Catalogue,
  id: string | readonly string[],
): string[] | undefined {
  const fields = typeof id === 'string' ? [id] : id;
  const names = new Set(fields.map((field) => columns.find((column) => column.field === field)?.name));
  const fits = (index: { columns: string[] }) =>
    index.columns.length === names.size && index.columns.every((name) => names.has(name));
  return catalogue.uniques.find(fits)?.columns;
}

function flawOfId(column: Column): string | undefined {
  if (column.nullable) return 'A column of the id must be NOT NULL.';
  if (column.generated)
    return 'A generated column cannot be part of the id: its value is not known before the row is written.';
  if (column.list || !column.codec.keyText) {
    return `Values of type ${column.sqlType} that look different may be equal, so they do not identify a row here. Use another id, such as a uuid, a number or a text.`;
  }
  return undefined;
}

function versionOf(
  entity: string,
  { versionField: field }: EntityOptions,
  columns: readonly Column[],
  id: readonly Column[],
  catalogue: Catalogue,
  problems: OptionProblem[],
): Column | undefined {
  if (field === undefined) return undefined;
  const column = columns.find((one) => one.field === field);
  const remedy = column
    ? flawOfVersion(column, id, catalogue)
    : `${entity} has no such field, only ${columns.map((one) => one.field).join(', ')}: add a BigInt field to the model, and migrate.`;
  if (remedy) problems.push({ option: `${entity}.versionField`, value: field, remedy });
  return column;
}

function flawOfVersion(column: Column, id: readonly Column[], catalogue: Catalogue): string | undefined {
  const type = catalogue.columns.find(({ name }) => name === column.name)?.type;
  if (type !== 'int8' || column.list) {
    return `Its column is of type ${column.sqlType}: versions need a bigint, which is a BigInt field.`;
  }
  if (column.generated || column.fixed) return 'The database makes its values: name a column that can be written.';
  if (id.includes(column)) return 'It is part of the id: name a field that may change.';
  return undefined;
}

function tableNotFound(entity: string, names: EntityNames): OptionProblem {
  return {
    option: `${entity}.table`,
    value: names.schema === undefined ? names.table : `${names.schema}.${names.table}`,
    remedy:
      'There is no such table: migrate the database, or give "table" and "schema" (with an adapter\'s "schema" option, which only Prisma\'s own queries use, the schema must be given).',
  };
}

function fenceNotFound(): OptionProblem {
  return {
    option: 'strata_fence',
    value: null,
    remedy:
      'There is no such table. It keeps writers apart: add the model StrataFence to the Prisma schema, with @@map("strata_fence"), and migrate (see prisma/migrations of nestjs-strata).',
  };
}

function unfit(entity: string, problems: OptionProblem[]): CacheOptionsError {
  return new CacheOptionsError(problems, `Write-behind of ${entity} does not fit the database`);
}
