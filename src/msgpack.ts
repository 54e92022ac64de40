// nestjs-strata/msgpack: a serializer for values as MessagePack. Needs the optional peer msgpackr.
import { Packr } from 'msgpackr';
import { CacheEntryError } from './cache.errors.js';
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
    encode: (data) => {
      const bytes = packr.pack(data);
      // How lone surrogates show: as they are, or as replacement characters. Others have these bytes too, but not often.
      if (bytes.includes(0xed) || bytes.includes('\ufffd')) assertWellFormed(data);
      return bytes;
    },
    decode: (bytes) => packr.unpack(bytes),
  };
}

/** A text that UTF-8 cannot say must not come back as another one. */
function assertWellFormed(data: unknown): void {
  if (typeof data === 'string' && !data.isWellFormed()) {
    throw new CacheEntryError(
      'MessagePack cannot keep a text with half of a character (a lone surrogate).',
      'Repair it with text.toWellFormed(), or use the default serializer.',
    );
  }
  if (typeof data !== 'object' || data === null) return;
  for (const entry of Object.entries(data)) for (const part of entry) assertWellFormed(part);
}
