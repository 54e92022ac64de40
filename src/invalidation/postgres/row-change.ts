import { IncompletePayload } from '../source.port.js';

/**
 * A row that somebody changed: the payload of the events `products.insert`, `products.update` and `products.delete`. Values are
 * as in JSON: `bigint` and `numeric` are texts (as `pg` gives them), dates and times are ISO texts.
 */
export interface RowChange<Row extends object = Record<string, unknown>, Id = string | number> {
  readonly operation: 'insert' | 'update' | 'delete';
  readonly schema: string;
  readonly table: string;
  /** The value of the id column; of several id columns an object. */
  readonly id: Id;
  /**
   * The id and the selected `columns` before the change; `undefined` for an insert. Where they did not fit into a
   * notification, reading it throws, and the rule's `missed` target is invalidated.
   */
  readonly old: Row | undefined;
  /** The same after the change; `undefined` for a delete. */
  readonly new: Row | undefined;
}

export type Operation = RowChange['operation'];

/** What a notification says of the rows of one statement, besides the rows. */
export interface ChangeHead {
  readonly operation: Operation;
  readonly schema: string;
  readonly table: string;
  /** Names of the id columns. */
  readonly id: readonly string[];
  /** Names of the other selected columns. */
  readonly columns: readonly string[];
}

type Values = readonly unknown[];

/** Of a row with its columns; `null`: it was not there before, or is not there any more. */
export function wholeChange(head: ChangeHead, id: Values, old: Values | null, now: Values | null): RowChange {
  const row = (values: Values | null) =>
    values === null ? undefined : { ...named(head.id, id), ...named(head.columns, values) };
  return { ...facts(head, id), old: row(old), new: row(now) };
}

/** Of a row of which only the id is known. */
export function knownById(head: ChangeHead, id: Values): RowChange {
  if (head.columns.length === 0) {
    const row = named(head.id, id);
    const { operation } = head;
    return {
      ...facts(head, id),
      old: operation === 'insert' ? undefined : row,
      new: operation === 'delete' ? undefined : row,
    };
  }
  const unknown = (): never => {
    throw new IncompletePayload(`The columns of ${head.table} did not fit into the notification.`);
  };
  const change = facts(head, id);
  Object.defineProperty(change, 'old', head.operation === 'insert' ? { value: undefined } : { get: unknown });
  Object.defineProperty(change, 'new', head.operation === 'delete' ? { value: undefined } : { get: unknown });
  return change as RowChange;
}

function facts({ operation, schema, table, id: names }: ChangeHead, values: Values) {
  const id = (names.length === 1 ? values[0] : named(names, values)) as string | number;
  return { operation, schema, table, id };
}

function named(names: readonly string[], values: Values): Record<string, unknown> {
  return Object.fromEntries(names.map((name, i) => [name, values[i]]));
}
