/** The keys of one shard in Redis. All of them share a hash tag, so that in a cluster one script can use them together. */
export class ShardKeys {
  readonly due: string;
  readonly versions: string;
  readonly payloads: string;
  readonly attempts: string;
  readonly meta: string;
  readonly letters: string;
  /** All six, in the order of the scripts. */
  readonly all: readonly string[];
  private readonly base: string;

  constructor(namespace: string, entity: string, shard: number) {
    this.base = `{${namespace}:w:${entity}:${shard}}`;
    this.due = `${this.base}:due`;
    this.versions = `${this.base}:versions`;
    this.payloads = `${this.base}:payloads`;
    this.attempts = `${this.base}:attempts`;
    this.meta = `${this.base}:meta`;
    this.letters = `${this.base}:letters`;
    this.all = [this.due, this.versions, this.payloads, this.attempts, this.meta, this.letters];
  }

  /** Where the cached row of a key is. */
  cached(key: string): string {
    return `${this.base}:c:${key}`;
  }
}

/** Where the number of shards of an entity is written down. */
export function shardCountKey(namespace: string, entity: string): string {
  return `${namespace}:w:${entity}:shards`;
}
