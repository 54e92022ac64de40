import { encodePart } from '../../engine/key-part.js';
import type { Encoded } from '../table.js';
import { WriteBehindRowError } from '../write-behind.errors.js';
import { Flaw } from './flaw.js';
import type { ValueCodec } from './value-codec.js';

/** A column of the table that is a field of the rows. */
export interface Column {
  field: string;
  name: string;
  /** As SQL text. */
  sqlType: string;
  list: boolean;
  nullable: boolean;
  /** Made by the database: never written, and only in payloads that come from it. */
  generated: boolean;
  /** Written when the row is new, and never changed. */
  fixed: boolean;
  codec: ValueCodec;
}

/** Longest key of a row, in UTF-16 units. It stands in Redis several times. */
export const MAX_KEY_LENGTH = 900;

interface WrittenColumn extends Column {
  /** `"name":`, as it stands in a payload. */
  label: string;
  /** Where its value stands in the key; -1: it is not part of the id. */
  idPlace: number;
}

type Problem = { option: string; remedy: string };

/** Rows and ids of one entity as text, and back. Made anew when the table changes. */
export class RowCodec {
  readonly #entity: string;
  readonly #columns: readonly Column[];
  readonly #written: readonly WrittenColumn[];
  readonly #id: readonly WrittenColumn[];
  readonly #fields: ReadonlySet<string>;
  readonly #idFields: ReadonlySet<string>;

  /**
   * @param id the columns of the id, in the order of their index
   * @param version gets its value later: what callers pass for it is ignored
   */
  constructor(entity: string, columns: readonly Column[], id: readonly Column[], version?: Column) {
    const write = (column: Column): WrittenColumn => ({
      ...column,
      label: `${JSON.stringify(column.name)}:`,
      idPlace: id.indexOf(column),
    });
    this.#entity = entity;
    this.#columns = columns;
    this.#written = columns.filter((column) => !column.generated && column !== version).map(write);
    this.#id = id.map(write);
    this.#fields = new Set(columns.map((column) => column.field));
    this.#idFields = new Set(id.map((column) => column.field));
  }

  encode(row: unknown): Encoded {
    if (!isRecord(row)) throw this.#error([{ option: 'row', remedy: 'must be an object of its fields' }]);
    return this.#encode(row, this.#written, this.#fields);
  }

  encodeId(id: unknown): Encoded {
    const [only] = this.#id;
    if (this.#id.length === 1 && only) return this.#encode({ [only.field]: id }, this.#id, this.#idFields);
    if (!isRecord(id)) {
      throw this.#error([{ option: 'id', remedy: `must be an object of ${[...this.#idFields].join(', ')}` }]);
    }
    return this.#encode(id, this.#id, this.#idFields);
  }

  #encode(
    values: Readonly<Record<string, unknown>>,
    columns: readonly WrittenColumn[],
    fields: ReadonlySet<string>,
  ): Encoded {
    let payload = '';
    let problems: Problem[] | undefined;
    const parts: string[] = [];
    for (const column of columns) {
      const json = jsonOf(column, values[column.field]);
      if (typeof json === 'string') {
        payload += payload === '' ? column.label + json : `,${column.label}${json}`;
        if (column.idPlace >= 0) parts[column.idPlace] = json;
      } else {
        problems ??= [];
        problems.push({ option: column.field, remedy: json.text });
      }
    }
    for (const field of Object.keys(values)) {
      if (fields.has(field) || values[field] === undefined) continue;
      problems ??= [];
      problems.push({ option: field, remedy: this.#unknown(fields) });
    }
    if (problems) throw this.#error(problems);
    return { key: this.#key(parts), payload: `{${payload}}` };
  }

  #unknown(fields: ReadonlySet<string>): string {
    return fields === this.#idFields
      ? `is no field of the id: pass only ${[...fields].join(', ')}`
      : `is no field of ${this.#entity}: pass only the row itself, no relations`;
  }

  /** Parts are separated by colons, which `encodePart` escapes. */
  #key(parts: readonly string[]): string {
    let key = '';
    for (const [place, column] of this.#id.entries()) {
      const text = column.codec.keyText?.(unquote(parts[place] ?? '')) ?? '';
      key += place === 0 ? encodePart(text) : `:${encodePart(text)}`;
    }
    if (key.length <= MAX_KEY_LENGTH) return key;
    const option = [...this.#idFields].join(', ');
    throw this.#error([{ option, remedy: `must be at most ${MAX_KEY_LENGTH} characters, escaped: ${key.length}` }]);
  }

  decode(payload: string): object {
    const values = JSON.parse(payload) as Record<string, unknown>;
    const row: Record<string, unknown> = {};
    for (const column of this.#columns) {
      const value = values[column.name];
      // Absent: it was made by the database, or the column is newer than the payload.
      if (value === undefined && column.generated) continue;
      row[column.field] = fieldValue(column, value);
    }
    return row;
  }

  idOf(payload: string): unknown {
    const values = JSON.parse(payload) as Record<string, unknown>;
    const [only] = this.#id;
    if (this.#id.length === 1 && only) return fieldValue(only, values[only.name]);
    return Object.fromEntries(this.#id.map((column) => [column.field, fieldValue(column, values[column.name])]));
  }

  #error(problems: Problem[]): WriteBehindRowError {
    return new WriteBehindRowError(this.#entity, problems);
  }
}

function jsonOf(column: Column, value: unknown): string | Flaw {
  if (value === null) return column.nullable ? 'null' : new Flaw('must not be null');
  if (value === undefined) return new Flaw(column.nullable ? 'is missing: pass null for no value' : 'is missing');
  return column.codec.encode(value);
}

/** Prisma reads a list that is NULL as an empty one. */
function fieldValue(column: Column, json: unknown): unknown {
  if (json === null || json === undefined) return column.list ? [] : null;
  return column.codec.decode ? column.codec.decode(json as never) : json;
}

function unquote(json: string): string {
  if (!json.startsWith('"')) return json;
  return json.includes('\\') ? (JSON.parse(json) as string) : json.slice(1, -1);
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
