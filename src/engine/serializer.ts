/**
 * Turns plain data (what JSON can say) into bytes or text and back. Dates, Maps, BigInts and the like are taken care of
 * before and after it, so every serializer keeps them.
 */
export interface Serializer {
  /** Stored with every entry: entries of another serializer are misses, so that it can be changed while running. */
  readonly name: string;
  encode(data: unknown): string | Uint8Array;
  decode(bytes: Buffer): unknown;
}

/** The default. V8's JSON is faster than any library for objects of the usual size. */
export const jsonSerializer: Serializer = {
  name: 'json',
  encode: (data) => JSON.stringify(data),
  decode: (bytes) => JSON.parse(bytes.toString('utf8')),
};
