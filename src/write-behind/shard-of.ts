import { crc32 } from 'node:zlib';

/** Which shard a key is in: the same in every process and version. CRC-32 is much faster than a hash, and spreads as well. */
export function shardOf(key: string, shards: number): number {
  return crc32(key) % shards;
}

/** Keys by the shard they belong to. */
export function byShard(keys: Iterable<string>, shards: number): Map<number, string[]> {
  const places = new Map<number, string[]>();
  for (const key of keys) {
    const shard = shardOf(key, shards);
    const found = places.get(shard);
    if (found) found.push(key);
    else places.set(shard, [key]);
  }
  return places;
}
