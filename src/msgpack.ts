// nestjs-strata/msgpack: a serializer for values as MessagePack. Needs the optional peer msgpackr.
import { Packr } from 'msgpackr';
import type { Serializer } from './engine/serializer.js';

/**
 * MessagePack: smaller than JSON for numbers and short objects; measure whether it is faster for your values. Entries
 * written by another serializer are misses, so it can be switched on while the app runs.
 */
export function msgpackSerializer(): Serializer {
  // No shared structures: every entry must be readable by a process that has seen no other.
  const packr = new Packr({ useRecords: false });
  return {
    name: 'msgpack',
    encode: (data) => packr.pack(data),
    decode: (bytes) => packr.unpack(bytes),
  };
}
