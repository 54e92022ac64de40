// What stands in Redis, read beside the package: one shard at a time, each at one moment.
import { Redis } from 'ioredis';

/**
 * KEYS: due, versions, payloads, attempts, meta, letters. Answers the server's time in ms, what does not fit together, meta, then the
 * dirty keys with version and time due, keys with attempts, keys of letters.
 */
const LOOK = `
local clock = redis.call('TIME')
local problems, keys, bytes = {}, {}, 0
local function problem(text, key) problems[#problems + 1] = text .. ' ' .. key end
local versions = redis.call('HGETALL', KEYS[2])
for i = 1, #versions, 2 do
  local key = versions[i]
  local due = redis.call('ZSCORE', KEYS[1], key)
  if not due then problem('V has and D lacks', key) end
  if redis.call('HEXISTS', KEYS[3], key) == 0 then problem('V has and P lacks', key) end
  bytes = bytes + 2 * #key + redis.call('HSTRLEN', KEYS[3], key) + 96
  keys[#keys + 1], keys[#keys + 2], keys[#keys + 3] = key, versions[i + 1], due or ''
end
for _, place in ipairs({ 3, 4 }) do
  for _, key in ipairs(redis.call('HKEYS', KEYS[place])) do
    if redis.call('HEXISTS', KEYS[2], key) == 0 then problem((place == 3 and 'P' or 'A') .. ' has and V lacks', key) end
  end
end
for _, key in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  if redis.call('HEXISTS', KEYS[2], key) == 0 then problem('D has and V lacks', key) end
end
local letters = redis.call('HGETALL', KEYS[6])
for i = 1, #letters, 2 do bytes = bytes + 2 * #letters[i] + #letters[i + 1] + 96 end
local counted = tonumber(redis.call('HGET', KEYS[5], 'bytes') or 0)
if counted ~= bytes then problem('bytes are counted as ' .. counted .. ' and are', tostring(bytes)) end
return { clock[1] * 1000 + math.floor(clock[2] / 1000), problems, redis.call('HGETALL', KEYS[5]), keys,
  redis.call('HKEYS', KEYS[4]), redis.call('HKEYS', KEYS[6]) }`;

const KINDS = ['due', 'versions', 'payloads', 'attempts', 'meta', 'letters'];

/**
 * @typedef {object} ShardView
 * @property {string} entity
 * @property {number} shard
 * @property {number} now by the server's clock, ms
 * @property {string[]} problems
 * @property {Record<string, string>} meta
 * @property {{ key: string, version: string, due: number }[]} dirty
 * @property {Set<string>} failing keys with failed attempts
 * @property {string[]} letters keys
 */

export class BufferView {
  /**
   * @param {string} redisUrl
   * @param {{ namespace: string, shards: Record<string, number>, shardOf(key: string, shards: number): number }} options
   */
  constructor(redisUrl, options) {
    this.options = options;
    this.redis = new Redis(redisUrl, { maxRetriesPerRequest: 0, enableOfflineQueue: false, commandTimeout: 5_000 });
    this.redis.on('error', () => {});
  }

  /** @returns {Promise<ShardView[]>} */
  async look() {
    const all = Object.entries(this.options.shards).flatMap(([entity, shards]) =>
      Array.from({ length: shards }, (_, shard) => this.#shard(entity, shard)),
    );
    return Promise.all(all);
  }

  /** Whether it is; also while nobody can tell. */
  async isDirty(entity, id) {
    const { shardOf, shards } = this.options;
    const base = this.#base(entity, shardOf(id, shards[entity]));
    return this.redis.hexists(`${base}:versions`, id).then(Boolean, () => true);
  }

  async dirtyKeys() {
    return (await this.look()).reduce((sum, { dirty }) => sum + dirty.length, 0);
  }

  close() {
    this.redis.disconnect();
  }

  #base(entity, shard) {
    return `{${this.options.namespace}:w:${entity}:${shard}}`;
  }

  async #shard(entity, shard) {
    const base = this.#base(entity, shard);
    const names = KINDS.map((kind) => `${base}:${kind}`);
    const [now, problems, meta, keys, failing, letters] = await this.redis.eval(LOOK, names.length, ...names);
    const dirty = [];
    for (let i = 0; i < keys.length; i += 3)
      dirty.push({ key: keys[i], version: keys[i + 1], due: Number(keys[i + 2]) });
    const pairs = [];
    for (let i = 0; i < meta.length; i += 2) pairs.push([meta[i], meta[i + 1]]);
    return { entity, shard, now, problems, meta: Object.fromEntries(pairs), dirty, failing: new Set(failing), letters };
  }
}
