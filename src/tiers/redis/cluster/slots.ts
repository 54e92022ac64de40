/** How many slots a cluster has. */
export const SLOTS = 16_384;

/** CRC-16/XMODEM, as https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/ has it. */
const CRC = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 8;
  for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1;
  return crc & 0xffff;
});

function crc16(text: string): number {
  let crc = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code > 127) return crcOfBytes(Buffer.from(text));
    crc = ((crc << 8) & 0xffff) ^ (CRC[(crc >> 8) ^ code] as number);
  }
  return crc;
}

function crcOfBytes(bytes: Buffer): number {
  let crc = 0;
  for (const byte of bytes) crc = ((crc << 8) & 0xffff) ^ (CRC[(crc >> 8) ^ byte] as number);
  return crc;
}

/** The slot of a name in Redis: of what stands between its first braces, if anything does. */
export function slotOf(name: string): number {
  const open = name.indexOf('{');
  if (open < 0) return crc16(name) % SLOTS;
  const close = name.indexOf('}', open + 1);
  return crc16(close > open + 1 ? name.slice(open + 1, close) : name) % SLOTS;
}

/** Slots so far apart are anchors: in them are the channels on which changes are told. A master has some of them. */
export const ANCHOR_DISTANCE = 64;

/**
 * Markers that many keys have in common stand once in each region of so many slots, so that a key and its markers mostly
 * lie on the same master.
 */
export const REGION_SLOTS = 1_024;
export const REGIONS = SLOTS / REGION_SLOTS;

/** The shortest decimal number in each slot; filled as far as it was looked for. */
const tags: (string | undefined)[] = [];
let tried = 0;

/** A hash tag that puts a name into a slot. */
export function tagOf(slot: number): string {
  for (let tag = tags[slot]; ; tag = tags[slot]) {
    if (tag !== undefined) return tag;
    const next = String(tried++);
    tags[crc16(next) % SLOTS] ??= next;
  }
}
