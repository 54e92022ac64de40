import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { CacheEntryError } from '../cache.errors.js';
import type { StoredValue } from './entry-format.js';
import type { Serializer } from './serializer.js';
import type { Snapshot } from './value.js';
import { fromTagged, toTagged } from './value-codec.js';
import type { ValueTypes } from './value-types.js';

export interface CodecOptions {
  serializer: Serializer;
  /** The user's version of what values look like: entries of another one are misses. */
  schema: string;
  /** Payloads from this many bytes on are compressed; `Infinity`: none. */
  compressFrom: number;
  /** Also bounds what a compressed payload may grow to: a small entry must not be able to fill the memory. */
  maxBytes: number;
}

/** What of a stored entry its value is made from. */
export type StoredPayload = Pick<StoredValue, 'profile' | 'tagged' | 'compressed' | 'payload'>;

/** A payload and how it was made. */
export interface EncodedValue {
  payload: string | Uint8Array;
  tagged: boolean;
  compressed: boolean;
}

/** Values to payloads and back: type tags, serializer, compression. */
export class Codec {
  /** Written into every entry and compared when it is read. */
  readonly profile: string;
  /** Tags make text longer than the value they stand for; four times the limit leaves room for that. */
  private readonly largest: number;

  constructor(
    private readonly options: CodecOptions,
    private readonly types: ValueTypes,
  ) {
    this.profile = `${options.serializer.name}/${options.schema}`;
    this.largest = Math.min(Math.ceil(options.maxBytes * 4), 2 ** 31 - 1);
  }

  encode(snapshot: Snapshot): EncodedValue {
    const data = snapshot.typed ? toTagged(snapshot.value, this.types) : snapshot.value;
    const payload = this.options.serializer.encode(data);
    return this.options.compressFrom === Number.POSITIVE_INFINITY
      ? { payload, tagged: snapshot.typed, compressed: false }
      : this.compress(payload, snapshot.typed);
  }

  /** Synchronous on purpose: two writes of one key must reach Redis in the order in which they were made. */
  private compress(payload: string | Uint8Array, tagged: boolean): EncodedValue {
    const length = typeof payload === 'string' ? Buffer.byteLength(payload) : payload.length;
    // What could not be read again stays as it is, and is refused for its size.
    if (length >= this.options.compressFrom && length <= this.largest) {
      const small = deflateRawSync(payload, { level: 1 });
      if (small.length < length) return { payload: small, tagged, compressed: true };
    }
    return { payload, tagged, compressed: false };
  }

  /** Throws `CacheEntryError` when the payload cannot be read: the caller treats the entry as a miss. */
  decode(entry: StoredPayload): unknown {
    if (entry.profile !== this.profile) {
      throw new CacheEntryError(
        `A stored value was written as "${entry.profile}", this cache reads "${this.profile}".`,
        'It is loaded again.',
      );
    }
    try {
      const { compressed, payload: bytes } = entry;
      const payload = compressed ? inflateRawSync(bytes, { maxOutputLength: this.largest }) : bytes;
      const data = this.options.serializer.decode(payload);
      return entry.tagged ? fromTagged(data, this.types) : data;
    } catch (error) {
      if (error instanceof CacheEntryError) throw error;
      throw new CacheEntryError('The payload of a stored value is damaged.', 'It is loaded again.', error);
    }
  }
}
