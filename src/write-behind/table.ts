import type { PendingWrite } from './write-buffer.js';

/** A row or id in the forms that the buffer and the database take. */
export interface Encoded {
  /** One text for each row of the table. */
  key: string;
  /** JSON text by column. */
  payload: string;
}

/**
 * The database's side of one entity: what a row looks like as text, and the statements. Payloads are only ever made by
 * `encode`, `encodeId` and `load`, and read by `decode`; in between they are plain text that nobody parses.
 */
export interface Table {
  /** Where rows have their version, see `withVersion`. Payloads of `encode` do not have it yet; those of `load` do. */
  readonly versionLabel: string | undefined;
  /** Throws `WriteBehindRowError` with everything that is wrong: missing or unknown fields, types, NUL, too long. */
  encode(row: unknown): Encoded;
  /** Of an id (one value, or an object of the fields of a composite id). Throws `WriteBehindRowError`. */
  encodeId(id: unknown): Encoded;
  /** A fresh row with the types that Prisma gives. */
  decode(payload: string): object;
  /** The id of a payload, as `encodeId` takes it. */
  idOf(payload: string): unknown;
  /** Rows by the payloads of their ids, in this order; `null` where there is none. */
  load(ids: readonly string[]): Promise<(string | null)[]>;
  /**
   * Writes if no newer epoch wrote to the shard; else throws `FencedError`. After any other error (see `classify`) no row is
   * written, or some, or all are a little later; but nothing once a newer epoch has written.
   * @param careful there was trouble lately: nothing may wait in the database for longer than the limits
   * @returns the keys whose rows stay as they are, because their version is higher
   */
  write(shard: number, epoch: number, writes: readonly PendingWrite[], careful?: boolean): Promise<readonly string[]>;
  /** Looks at the catalogue again, after a schema error. Throws if the entity does not fit the table. */
  refresh(): Promise<void>;
  /** Whether the database answers. */
  ping(): Promise<void>;
}

/** Somebody with a newer epoch writes to this shard: what this one holds is out of date. */
export class FencedError extends Error {
  constructor(
    /** The epoch the database knows. */
    readonly epoch: number,
  ) {
    super(`The shard is written by epoch ${epoch}.`);
    this.name = 'FencedError';
  }
}

/**
 * What an error of the database means for a batch. `transient`: nothing is wrong with the rows, try again for ever;
 * `outage`: transient, and the database as a whole does not answer; `data`: a row is at fault; `order`: a row may have come
 * too early; `schema`: the table is not what it was.
 */
export type ErrorClass = 'transient' | 'outage' | 'data' | 'order' | 'schema';
