import type { Milliseconds } from './duration.js';
import { VERSION_LENGTH, type Version } from './version.js';

/**
 * An entry as it stands in Redis. A **hold** is only the 16 bytes of its version: somebody means to load or write. A
 * **value** goes on:
 *
 *     0  version (16)   16  'S'   17  format   18  state 'v' | 'x' (expired by hand)   19  flags
 *     20 createdAt (f64)   28 freshFor (u48)   34 staleFor (u48)   40 where the payload begins (u32)
 *     44 number of markers (u8), each: length of name (u16), name, marker (32)
 *     .. length of profile (u8), profile   .. length of source (u8), source   .. payload
 *
 * The version is first so that a script compares it with `GETRANGE key 0 15`, whatever else the bytes are.
 */
export interface StoredValue {
  kind: 'value';
  version: Version;
  /** Marked as expired by `expire()`: serves only as stale. */
  expired: boolean;
  /** The payload went through {@link toTagged}. */
  tagged: boolean;
  compressed: boolean;
  /** It contains binary data: readers need copies of their own. */
  binary: boolean;
  /** Its policy keeps it out of the memory tier. */
  remoteOnly: boolean;
  createdAt: Milliseconds;
  freshFor: Milliseconds;
  staleFor: Milliseconds;
  /** What its markers were before its load began. */
  markers: readonly StoredMarker[];
  /** Serializer and schema it was written with. */
  profile: string;
  /** Where the value came from. */
  source: string;
  payload: Buffer;
}

export interface StoredMarker {
  name: string;
  /** Two versions: the first changes when it kills, the second when it makes stale. */
  value: MarkerValue;
}

/** 32 characters: the version of the last `evict` of this marker, then of its last `expire`. */
export type MarkerValue = string;

export type StoredEntry =
  | StoredValue
  | { kind: 'hold'; version: Version }
  /** Bytes of somebody else, damaged, or of a newer format: a miss. Their first 16 bytes still serve as version. */
  | { kind: 'alien'; version: Version; reason: string };

const MAGIC = 0x53;
const FORMAT = 1;
const VALUE = 0x76;
const EXPIRED = 0x78;
const TAGGED = 1;
const COMPRESSED = 2;
const BINARY = 4;
const REMOTE_ONLY = 8;
const MARKERS_AT = 44;
const MARKER_LENGTH = 2 * VERSION_LENGTH;

/** Where `expire` writes {@link EXPIRED_STATE}; the format's own scripts need to know. */
export const STATE_OFFSET = 18;
export const EXPIRED_STATE = 'x';

export function encodeEntry(entry: Omit<StoredValue, 'kind' | 'payload'>, payload: string | Uint8Array): Buffer {
  let head = MARKERS_AT + 3 + Buffer.byteLength(entry.profile) + Buffer.byteLength(entry.source);
  for (const marker of entry.markers) head += 2 + Buffer.byteLength(marker.name) + MARKER_LENGTH;
  const bytes = Buffer.allocUnsafe(head + (typeof payload === 'string' ? Buffer.byteLength(payload) : payload.length));
  bytes.write(entry.version, 0, 'latin1');
  bytes[16] = MAGIC;
  bytes[17] = FORMAT;
  bytes[STATE_OFFSET] = entry.expired ? EXPIRED : VALUE;
  bytes[19] =
    (entry.tagged ? TAGGED : 0) |
    (entry.compressed ? COMPRESSED : 0) |
    (entry.binary ? BINARY : 0) |
    (entry.remoteOnly ? REMOTE_ONLY : 0);
  bytes.writeDoubleBE(entry.createdAt, 20);
  bytes.writeUIntBE(Math.round(entry.freshFor), 28, 6);
  bytes.writeUIntBE(Math.round(entry.staleFor), 34, 6);
  bytes.writeUInt32BE(head, 40);
  bytes[MARKERS_AT] = entry.markers.length;
  let at = MARKERS_AT + 1;
  for (const { name, value } of entry.markers) {
    const length = bytes.write(name, at + 2, 'utf8');
    bytes.writeUInt16BE(length, at);
    at += 2 + length;
    at += bytes.write(value, at, MARKER_LENGTH, 'latin1');
  }
  for (const text of [entry.profile, entry.source]) {
    const length = bytes.write(text, at + 1, 'utf8');
    bytes[at] = length;
    at += 1 + length;
  }
  if (typeof payload === 'string') bytes.write(payload, head, 'utf8');
  else bytes.set(payload, head);
  return bytes;
}

export function decodeEntry(bytes: Buffer): StoredEntry {
  const version = bytes.toString('latin1', 0, VERSION_LENGTH);
  if (bytes.length === VERSION_LENGTH) return { kind: 'hold', version };
  if (bytes.length < VERSION_LENGTH || bytes[16] !== MAGIC) return alien(version, 'not written by this cache');
  if (bytes[17] !== FORMAT) return alien(version, `entry format ${bytes[17]}, this version reads ${FORMAT}`);
  try {
    return decodeValue(bytes, version);
  } catch {
    return alien(version, 'damaged');
  }
}

function decodeValue(bytes: Buffer, version: Version): StoredEntry {
  const head = bytes.readUInt32BE(40);
  const flags = bytes[19] ?? 0;
  const markers: StoredMarker[] = [];
  let at = MARKERS_AT + 1;
  for (let left = bytes.readUInt8(MARKERS_AT); left > 0; left--) {
    const end = at + 2 + bytes.readUInt16BE(at);
    markers.push({
      name: bytes.toString('utf8', at + 2, end),
      value: bytes.toString('latin1', end, end + MARKER_LENGTH),
    });
    at = end + MARKER_LENGTH;
  }
  const profileEnd = at + 1 + bytes.readUInt8(at);
  const sourceEnd = profileEnd + 1 + bytes.readUInt8(profileEnd);
  if (sourceEnd !== head || head > bytes.length) return alien(version, 'damaged');
  return {
    kind: 'value',
    version,
    expired: bytes[STATE_OFFSET] === EXPIRED,
    tagged: (flags & TAGGED) !== 0,
    compressed: (flags & COMPRESSED) !== 0,
    binary: (flags & BINARY) !== 0,
    remoteOnly: (flags & REMOTE_ONLY) !== 0,
    createdAt: bytes.readDoubleBE(20),
    freshFor: bytes.readUIntBE(28, 6),
    staleFor: bytes.readUIntBE(34, 6),
    markers,
    profile: bytes.toString('utf8', at + 1, profileEnd),
    source: bytes.toString('utf8', profileEnd + 1, sourceEnd),
    payload: bytes.subarray(head),
  };
}

function alien(version: Version, reason: string): StoredEntry {
  return { kind: 'alien', version, reason };
}
