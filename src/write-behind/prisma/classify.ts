import type { ErrorClass } from '../table.js';

/**
 * What an error of the database means for a batch (see `ErrorClass`). What is not known is `transient`: the batch
 * stays and is tried again, so nothing can get lost by a wrong guess.
 */
export function classify(error: unknown): ErrorClass {
  let known: ErrorClass | undefined;
  for (const { code, kind, message } of layersOf(error)) {
    // The state that the database gave says more than the codes that Prisma wraps around it.
    const state = code !== undefined && SQLSTATE.test(code) ? ofState(code) : undefined;
    if (state) return code === NOT_ALLOWED && ROW_LEVEL.test(messageOf(error)) ? 'data' : state;
    if (code !== undefined && OUTAGES.has(code)) known ??= 'outage';
    if (kind !== undefined && OUTAGE_KINDS.has(kind)) known ??= 'outage';
    if (CLOSED.test(message)) known ??= 'outage';
  }
  return known ?? 'transient';
}

/** What the database said, with its code, for a dead letter. Never the statement or its parameters, which are the rows. */
export function messageOf(error: unknown): string {
  const layers = [...layersOf(error)];
  const state = layers.find(({ code }) => code !== undefined && SQLSTATE.test(code))?.code;
  // Outer messages are about the whole of it, inner ones often only the name of a kind.
  const said = layers.find((layer) => layer.original !== '')?.original;
  const text = (said ?? layers.find((layer) => layer.message !== '')?.message ?? `${error}`).slice(0, MAX_MESSAGE);
  return state === undefined ? text : `${text} (${state})`;
}

const MAX_MESSAGE = 1_000;
const MAX_LAYERS = 8;

/** Five characters, as Prisma's own codes (P2010) and some of Node's (EPIPE) are, too. */
const SQLSTATE = /^(?:\d[0-9A-Z]|F0|HV|P0|XX)[0-9A-Z]{3}$/;

/** By the first two characters or by all five, which come first. Design: docs of write-behind, "Errors". */
const STATES: Readonly<Record<string, ErrorClass>> = {
  // A row is at fault.
  '21': 'data',
  '22': 'data',
  '23502': 'data',
  '23514': 'data',
  '44': 'data',
  '54': 'data', // a value too long for an index, JSON nested too deeply
  P0001: 'data', // RAISE EXCEPTION of a trigger
  P0002: 'data', // a trigger drops the row
  // Another row, which may come or go.
  '23': 'order',
  // The table is not what it was, or we may not write to it.
  '0A': 'schema',
  '3F': 'schema',
  '42': 'schema',
  // Nobody reaches the database, or it lets nobody in.
  '08': 'outage',
  '28': 'outage',
  '3D': 'outage',
  '57P': 'outage',
};

function ofState(state: string): ErrorClass {
  return STATES[state] ?? STATES[state.slice(0, 3)] ?? STATES[state.slice(0, 2)] ?? 'transient';
}

/** A right is missing: to the table, or to one row of it. Only the words tell which. */
const NOT_ALLOWED = '42501';
const ROW_LEVEL = /row-level security/;

/** Prisma's codes and Node's. Not P2024 and P2028: a pool or a transaction that takes long says nothing of the database. */
const OUTAGES = new Set([
  ...['P1000', 'P1001', 'P1002', 'P1003', 'P1008', 'P1010', 'P1011', 'P1017'],
  ...['ECONNREFUSED', 'ECONNRESET', 'ECONNABORTED', 'ENOTFOUND', 'EAI_AGAIN', 'ETIMEDOUT', 'EPIPE'],
  ...['EHOSTUNREACH', 'ENETUNREACH', 'ENETDOWN'],
]);

/** How Prisma's driver adapters call errors that have no SQLSTATE. */
const OUTAGE_KINDS = new Set(['DatabaseNotReachable', 'ConnectionClosed', 'SocketTimeout', 'TlsConnectionError']);

/** pg has only words for a connection that ended; Prisma hands them on as they are. */
const CLOSED = /^Connection terminated|^Client has encountered a connection error|^Server has closed the connection/;

interface Layer {
  code: string | undefined;
  kind: string | undefined;
  message: string;
  /** The database's own words, if the layer has them; else ''. */
  original: string;
}

/**
 * From the outside in. Prisma 7: P2010 with `meta.driverAdapterError.cause.originalCode`; Prisma 6: P2010 with `meta.code`;
 * pg: the code itself; errors of a client that cannot start have an `errorCode`.
 */
function* layersOf(error: unknown): Generator<Layer> {
  let at: unknown = error;
  for (let depth = 0; depth < MAX_LAYERS && typeof at === 'object' && at !== null; depth++) {
    const layer = at as Record<string, unknown>;
    yield {
      code: text(layer.originalCode) ?? text(layer.code) ?? text(layer.errorCode),
      kind: text(layer.kind),
      message: withoutStatement(text(layer.message) ?? ''),
      original: text(layer.originalMessage) ?? '',
    };
    at = (isObject(layer.meta) ? (layer.meta.driverAdapterError ?? layer.meta) : undefined) ?? innerOf(layer);
  }
}

function innerOf(layer: Record<string, unknown>): unknown {
  return layer.cause ?? (Array.isArray(layer.errors) ? layer.errors[0] : undefined); // `errors`: of an AggregateError
}

/** Prisma's messages begin with the invocation, in development with lines of the program, and end with the database's. */
function withoutStatement(message: string): string {
  const inner = /Raw query failed\. Code: `[^`]*`\. Message: `([\s\S]*)`/.exec(message)?.[1];
  return (inner ?? message.slice(message.lastIndexOf('invocation') < 0 ? 0 : message.lastIndexOf('\n') + 1)).trim();
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
