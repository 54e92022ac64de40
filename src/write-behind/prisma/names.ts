import type { OptionProblem } from '../../cache.errors.js';
import type { PrismaClientLike } from './prisma-client-like.js';

/** What of an entity differs from what the Prisma client and the database say. Nothing is needed as a rule. */
export interface EntityOptions {
  /** Name of the table. Default: that of the client's model; of a client without models the entity's name. */
  table?: string;
  /** Schema of the table. Default: that of the client's model, else the first of the search path that has the table. */
  schema?: string;
  /** Fields that make up the id. Default: the primary key. They need a unique index over exactly their columns. */
  id?: string | readonly string[];
  /** Columns of fields. Default: those of the client's model, else each column is a field of its own name. */
  columns?: Readonly<Record<string, string>>;
  /** Of enum fields: the database's label of each Prisma name. Needed for names with `@map`, which clients do not tell. */
  enums?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /**
   * A BigInt field that gets the version of each write: microseconds since 1970 by the clock of the buffer, growing with every
   * write of the row. A row whose version in the database is higher stays as it is, also when it would be deleted. Callers need
   * not pass the field; what they pass is ignored. Default: none.
   */
  versionField?: string;
}

export interface FieldName {
  field: string;
  column: string;
}

/** What the client and the options say about an entity, before the database is asked. */
export interface EntityNames {
  table: string;
  schema: string | undefined;
  /** `undefined`: every column of the table is a field. */
  fields: readonly FieldName[] | undefined;
  /** Schema of the model of our own table, if the client has it and tells. */
  fenceSchema: string | undefined;
  problems: OptionProblem[];
}

/** The part of a generated client's run-time model that we read. It is not public, so nothing of it is taken for granted. */
interface RuntimeModel {
  dbName?: string | null;
  schema?: string | null;
  fields?: readonly { name: string; kind: string; dbName?: string | null }[];
}

const FENCE_MODEL = 'StrataFence';

export function namesOf(client: PrismaClientLike, entity: string, options: EntityOptions): EntityNames {
  const models = modelsOf(client);
  const model = models?.[entity];
  const problems: OptionProblem[] = [];
  if (models && !model && options.table === undefined) {
    const known = Object.keys(models).filter((name) => name !== FENCE_MODEL);
    problems.push({
      option: entity,
      value: entity,
      remedy: `The Prisma client has no model of this name: write one of ${known.join(', ')}, or give its "table".`,
    });
  }
  const columns = new Map(Object.entries(options.columns ?? {}));
  const fields = model?.fields
    ?.filter((field) => field.kind === 'scalar' || field.kind === 'enum') // 'object' is a relation
    .map((field) => ({ field: field.name, column: columns.get(field.name) ?? field.dbName ?? field.name }));
  for (const [field, column] of columns) {
    if (!fields || fields.some((one) => one.field === field)) continue;
    problems.push({
      option: `${entity}.columns.${field}`,
      value: column,
      remedy: `The model has no such field, only ${fields.map((one) => one.field).join(', ')}.`,
    });
  }
  return {
    table: options.table ?? model?.dbName ?? entity,
    schema: options.schema ?? model?.schema ?? undefined,
    fields,
    fenceSchema: models?.[FENCE_MODEL]?.schema ?? undefined,
    problems,
  };
}

function modelsOf(client: PrismaClientLike): Readonly<Record<string, RuntimeModel | undefined>> | undefined {
  const { _runtimeDataModel: model } = client as { _runtimeDataModel?: { models?: Record<string, RuntimeModel> } };
  return model?.models && Object.keys(model.models).length > 0 ? model.models : undefined;
}
