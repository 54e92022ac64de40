import { CacheEntryError } from '../cache.errors.js';
import type { Milliseconds } from './duration.js';
import { VERSION_LENGTH, type Version } from './version.js';

/**
 * An entry as it stands in Redis. A **hold** is only the 16 characters of its version: somebody means to load or write. If a
 * process loads for all others, 'L' follows, or 'W' once somebody waits for it. A **value** goes on, in ASCII (numbers in base 36), so that a JSON payload makes one string of it:
 *
 *     0  version (16)   16  'S'   17  format   18  state   19  flags
 *     20 createdAt (9)   29 freshFor (10)   39 staleFor (10)   49 where the payload begins (4)
 *     53 markers `name=value,...` ';' profile ';' source   .. payload
 *
 * States: 'v', fresh for as long as its head says; 'x', expired by hand. While the process that made the version loads it anew:
 * 'l' if it is stale, 'r' if it is still as fresh as its head says (early refresh); 'w' and 'q' are the same with somebody
 * waiting. After such a load failed, for the back-off of that process: 'f' and 'g'.
 *
 * The version is first so that a script compares it with `GETRANGE key 0 15`, whatever else the bytes are.
 */
export interface EntryHeader {
  version: Version;
  /** Marked as expired by `expire()`, or being loaded anew after its end: serves only as stale. */
  expired: boolean;
  /** The payload went through `toTagged`. */
  tagged: boolean;
  compressed: boolean;
  /** It contains binary data: readers need copies of their own. */
  binary: boolean;
  /** Its policy keeps it out of the memory tier. */
  remoteOnly: boolean;
  createdAt: Milliseconds;
  freshFor: Milliseconds;
  staleFor: Milliseconds;
  /** Names of its markers, and what they were before its load began, in the same order. */
  markers: readonly string[];
  markerValues: readonly MarkerValue[];
  /** Serializer and schema it was written with. */
  profile: string;
  /** Where the value came from. */
  source: string;
}

export interface StoredValue extends EntryHeader {
  kind: 'value';
  /** The process that made the version loads it anew. */
  claimed: boolean;
  /** It did so lately, in vain, and nobody is to try again before it gives the claim up. */
  failed: boolean;
  payload: Buffer;
}

/** 32 characters: the version of the last `evict` of this marker, then of its last `expire`. */
export type MarkerValue = string;

export type StoredEntry =
  | StoredValue
  /** `claimed`: its process loads for all others. */
  | { kind: 'hold'; version: Version; claimed: boolean }
  /** Bytes of somebody else, damaged, or of a newer format: a miss. Their first 16 bytes still serve as version. */
  | { kind: 'alien'; version: Version; reason: string };

const MAGIC = 'S';
const FORMAT = '1';
const VALUE = 'v';
const TAGGED = 1;
const COMPRESSED = 2;
const BINARY = 4;
const REMOTE_ONLY = 8;
const NAMES_AT = 53;
/** Where the payload begins has 4 digits. */
const LONGEST_HEAD = 36 ** 4 - 1;

/** Where `expire` writes {@link EXPIRED_STATE}: its script needs to know. */
export const STATE_OFFSET = 18;
export const EXPIRED_STATE = 'x';

/** What follows the version of a claimed hold, and the states of a claimed value: nobody waits, or somebody does. */
export const CLAIMED_HOLD = 'L';
export const AWAITED_HOLD = 'W';
export const CLAIMED_STATE = 'l';
export const AWAITED_STATE = 'w';
/** The same for a value that is refreshed before its end: others go on serving it. */
export const REFRESHED_STATE = 'r';
export const AWAITED_REFRESH_STATE = 'q';
/** Claims whose load failed, of a stale value and of one that is not. */
export const FAILED_STATE = 'f';
export const FAILED_REFRESH_STATE = 'g';
export const VALUE_STATE = VALUE;
const STALE_STATES = EXPIRED_STATE + CLAIMED_STATE + AWAITED_STATE + FAILED_STATE;
const FAILED_STATES = FAILED_STATE + FAILED_REFRESH_STATE;
const CLAIMED_STATES = CLAIMED_STATE + AWAITED_STATE + REFRESHED_STATE + AWAITED_REFRESH_STATE + FAILED_STATES;
const STATES = VALUE + EXPIRED_STATE + CLAIMED_STATES;

/** The bytes of an entry: a string if the payload is one, which is what the client sends fastest. Throws if its names do not fit. */
export function encodeEntry(header: EntryHeader, payload: string | Uint8Array): string | Buffer {
  const names = `${header.markers.map((name, i) => `${escapeName(name)}=${header.markerValues[i]}`).join(',')};${escapeName(header.profile)};${escapeName(header.source)}`;
  const payloadAt = NAMES_AT + names.length;
  if (payloadAt > LONGEST_HEAD) {
    throw new CacheEntryError(
      `The tags and prefixes of the value need ${names.length} bytes.`,
      'Use fewer or shorter tags; in other scripts than Latin a character takes up to 9 bytes.',
    );
  }
  if (NAMES_AT + names.length >= 36 ** 4) {
    throw new CacheEntryError('The tags of a value are too many or too long.', 'Use fewer or shorter tags.');
  }
  const flags =
    (header.tagged ? TAGGED : 0) |
    (header.compressed ? COMPRESSED : 0) |
    (header.binary ? BINARY : 0) |
    (header.remoteOnly ? REMOTE_ONLY : 0);
  const head =
    header.version +
    MAGIC +
    FORMAT +
    (header.expired ? EXPIRED_STATE : VALUE) +
    flags.toString(36) +
    digits(header.createdAt, 9) +
    digits(header.freshFor, 10) +
    digits(header.staleFor, 10) +
    digits(payloadAt, 4) +
    names;
  return typeof payload === 'string' ? head + payload : Buffer.concat([Buffer.from(head, 'latin1'), payload]);
}

export function decodeEntry(bytes: Buffer): StoredEntry {
  const version = bytes.toString('latin1', 0, VERSION_LENGTH);
  if (bytes.length === VERSION_LENGTH) return { kind: 'hold', version, claimed: false };
  if (bytes.length === VERSION_LENGTH + 1) {
    const mark = String.fromCharCode(bytes[VERSION_LENGTH] as number);
    if (mark === CLAIMED_HOLD || mark === AWAITED_HOLD) return { kind: 'hold', version, claimed: true };
  }
  if (bytes.length < NAMES_AT || bytes[16] !== MAGIC.charCodeAt(0)) return alien(version, 'not written by this cache');
  if (bytes[17] !== FORMAT.charCodeAt(0)) {
    return alien(version, `entry format ${String.fromCharCode(bytes[17] ?? 0)}, this version reads ${FORMAT}`);
  }
  const state = String.fromCharCode(bytes[STATE_OFFSET] as number);
  const flags = number(bytes, 19, 20);
  const createdAt = number(bytes, 20, 29);
  const freshFor = number(bytes, 29, 39);
  const staleFor = number(bytes, 39, 49);
  const head = number(bytes, 49, NAMES_AT);
  const whole = flags >= 0 && createdAt >= 0 && freshFor >= 0 && staleFor >= 0 && head >= 0 && head <= bytes.length;
  const names = whole ? parseNames(bytes.toString('latin1', NAMES_AT, head)) : undefined;
  if (!names || !STATES.includes(state)) return alien(version, 'damaged');
  return {
    kind: 'value',
    version,
    expired: STALE_STATES.includes(state),
    claimed: CLAIMED_STATES.includes(state),
    failed: FAILED_STATES.includes(state),
    tagged: (flags & TAGGED) !== 0,
    compressed: (flags & COMPRESSED) !== 0,
    binary: (flags & BINARY) !== 0,
    remoteOnly: (flags & REMOTE_ONLY) !== 0,
    createdAt,
    freshFor,
    staleFor,
    markers: names.markers,
    markerValues: names.markerValues,
    profile: names.profile,
    source: names.source,
    payload: bytes.subarray(head),
  };
}

type Names = Pick<EntryHeader, 'markers' | 'markerValues' | 'profile' | 'source'>;

/** What was parsed lately: entries with the same markers have the same text. */
const parsed = new Map<string, Names>();
const MAX_PARSED = 500;

function parseNames(text: string): Names | undefined {
  let names = parsed.get(text);
  if (names === undefined) {
    names = parseNewNames(text);
    if (names === undefined) return undefined;
    if (parsed.size >= MAX_PARSED) parsed.clear();
    parsed.set(text, names);
  }
  return names;
}

function parseNewNames(text: string): Names | undefined {
  const match = /^([^;]*);([^;]*);([^;]*)$/.exec(text);
  if (!match) return undefined;
  const [, list = '', profile = '', source = ''] = match;
  const pairs = list === '' ? [] : list.split(',').map((pair) => pair.split('='));
  if (pairs.some(([, value]) => value?.length !== 2 * VERSION_LENGTH)) return undefined;
  try {
    return {
      markers: pairs.map(([name = '']) => decodeURIComponent(name)),
      markerValues: pairs.map(([, value = '']) => value),
      profile: decodeURIComponent(profile),
      source: decodeURIComponent(source),
    };
  } catch {
    return undefined;
  }
}

function escapeName(name: string): string {
  // Lone surrogates become one replacement character: names that differ only there share a marker, which is safe.
  return /^[\w:*./~!-]*$/.test(name) ? name : encodeURIComponent(name.toWellFormed());
}

function digits(value: number, length: number): string {
  return Math.round(value).toString(36).padStart(length, '0');
}

/** A number in base 36; -1 if a character is none of its digits. */
function number(bytes: Buffer, from: number, to: number): number {
  let value = 0;
  for (let i = from; i < to; i++) {
    const code = bytes[i] as number;
    const digit = code >= 48 && code <= 57 ? code - 48 : code >= 97 && code <= 122 ? code - 87 : -1;
    if (digit < 0) return -1;
    value = value * 36 + digit;
  }
  return value;
}

function alien(version: Version, reason: string): StoredEntry {
  return { kind: 'alien', version, reason };
}
