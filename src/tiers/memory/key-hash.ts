/** 32 bits of a key: two characters at a time, and a last round that mixes all of them. Not against somebody who wants collisions. */
export function hashKey(key: string): number {
  const { length } = key;
  let hash = length;
  let i = 0;
  for (; i + 1 < length; i += 2) hash = mix(hash, key.charCodeAt(i) | (key.charCodeAt(i + 1) << 16));
  if (i < length) hash = mix(hash, key.charCodeAt(i));
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}

const mix = (hash: number, more: number): number => Math.imul(((hash << 5) | (hash >>> 27)) ^ more, 0x9e3779b1);
