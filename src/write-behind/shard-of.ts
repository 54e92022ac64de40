import { createHash } from 'node:crypto';
import * as zlib from 'node:zlib';

/** CRC-32 where Node has it (20.15 and later), which is much faster than a hash and spreads as well. */
const crc32 = (zlib as { crc32?: (text: string) => number }).crc32;

/** Which shard a key is in: the same in every process and version. */
export function shardOf(key: string, shards: number): number {
  const hash = crc32 ? crc32(key) : createHash('md5').update(key).digest().readUInt32LE(0);
  return hash % shards;
}
