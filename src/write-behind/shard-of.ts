import { crc32 } from 'node:zlib';

/** Which shard a key is in: the same in every process and version. CRC-32 is much faster than a hash, and spreads as well. */
export function shardOf(key: string, shards: number): number {
  return crc32(key) % shards;
}
