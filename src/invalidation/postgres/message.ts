import { isRecord } from '../../cache.check.js';
import { type ChangeHead, knownById, type Operation, type RowChange, wholeChange } from './row-change.js';

/** What a notification says. */
export type Message =
  | { kind: 'event'; event: string; payloads: readonly unknown[] }
  /** Rows were changed, and which is not known. */
  | { kind: 'rows'; events: readonly string[] }
  /** A listener asks itself whether it hears. */
  | { kind: 'probe'; token: string }
  | { kind: 'unreadable' };

/** What the trigger sends. Changed together with `trigger-sql.ts`; `strata` is the version of this format. */
interface TriggerMessage {
  strata: 1;
  event: string;
  op: Operation | 'truncate';
  schema: string;
  table: string;
  id: string[];
  columns: string[];
  /** Id, old and new columns of each row. */
  rows?: [unknown[], unknown[] | null, unknown[] | null][];
  /** Where the rows did not fit. Absent as well: where these did not fit either. */
  ids?: unknown[][];
}

const UNREADABLE: Message = { kind: 'unreadable' };

export function probeMessage(token: string): string {
  return JSON.stringify({ strata: 1, probe: token });
}

export function readMessage(text: string | undefined): Message {
  let message: unknown;
  try {
    message = JSON.parse(text ?? '');
  } catch {
    return UNREADABLE;
  }
  if (!isRecord(message)) return UNREADABLE;
  const { strata, probe, event, payload } = message as Record<string, unknown>;
  if (typeof probe === 'string') return { kind: 'probe', token: probe };
  if (typeof event !== 'string' || event === '') return UNREADABLE;
  // By hand: SELECT pg_notify('nestjs_strata', '{"event":"price.changed","payload":{"id":7}}').
  if (strata === undefined) return { kind: 'event', event, payloads: [payload] };
  return strata === 1 && isTriggerMessage(message) ? readChanges(message) : UNREADABLE;
}

function readChanges(message: TriggerMessage): Message {
  const { event, op, rows, ids } = message;
  // A truncated table has lost all its rows, also for rules that wait for deletes.
  if (op === 'truncate') return { kind: 'rows', events: [`${event}.truncate`, `${event}.delete`] };
  const head: ChangeHead = { ...message, operation: op };
  let changes: RowChange[] | undefined;
  if (rows) changes = rows.map(([id, old, now]) => wholeChange(head, id, old, now));
  else if (ids) changes = ids.map((id) => knownById(head, id));
  const name = `${event}.${op}`;
  return changes ? { kind: 'event', event: name, payloads: changes } : { kind: 'rows', events: [name] };
}

function isTriggerMessage(message: object): message is TriggerMessage {
  const { op, schema, table, id, columns, rows, ids } = message as Partial<TriggerMessage>;
  const known = op !== undefined && ['insert', 'update', 'delete', 'truncate'].includes(op);
  const named = typeof schema === 'string' && typeof table === 'string' && isTexts(id) && isTexts(columns);
  const listed =
    rows === undefined || (Array.isArray(rows) && rows.every((row) => Array.isArray(row) && Array.isArray(row[0])));
  return known && named && listed && (ids === undefined || (Array.isArray(ids) && ids.every(Array.isArray)));
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((one) => typeof one === 'string');
}
