import { CacheOptionsError } from '../../cache.errors.js';
import type { Milliseconds } from '../../engine/duration.js';
import { VersionSource } from '../../engine/version.js';
import { Batch } from '../../tiers/redis/batch.js';
import type { Script } from '../../tiers/redis/script.js';
import { FILL } from '../../tiers/redis/scripts.js';
import type { RemoteServer } from '../../tiers/tier.js';
import type {
  BufferedLetter,
  BufferOptions,
  Claim,
  ClaimOptions,
  Failed,
  Failure,
  Fill,
  KeyReading,
  Marked,
  PendingWrite,
  ShardStats,
  Wake,
  Write,
  WriteBuffer,
  WriteOperation,
  WriteVersion,
} from '../write-buffer.js';
import { ACK, CLAIM, DISCARD, DUE, FAIL, HASTEN, MARK, READ, RELEASE, REPLAY, RESHARD, STATS } from './scripts.js';
import { ShardKeys, shardCountKey } from './shard-keys.js';

/** Most bytes of writes in one command. */
const MAX_BYTES = 256 * 1024;
/** Most keys in one command. */
const MAX_KEYS = 128;
/** Most bytes of one claim: a batch must fit into memory, and into one statement. */
const MAX_CLAIM = 8 * 1024 * 1024;
/** First and longest pause after a refused row. */
const FIRST_PAUSE = 250;
const LONGEST_PAUSE = 30_000;
/** Life of holds: as long as a load may take. */
const HOLD = 30_000;

/** A shard's keys, and the calls of this tick that travel together. */
interface Shard {
  keys: ShardKeys;
  writes: Batch<Write, Marked>;
  reads: Batch<string, KeyReading>;
}

/** The buffer of one entity in Redis; see scripts.ts for what is where. */
export class RedisBuffer implements WriteBuffer {
  private readonly shards: Shard[];
  private readonly versions = new VersionSource();
  private readonly opened: { flush(): void }[] = [];

  constructor(
    private readonly server: RemoteServer,
    private readonly namespace: string,
    private readonly entity: string,
    private readonly options: BufferOptions,
    private readonly random: () => number,
  ) {
    this.shards = Array.from({ length: options.shards }, (_, number) => this.open(number));
  }

  async start(): Promise<void> {
    const name = shardCountKey(this.namespace, this.entity);
    const { shards } = this.options;
    // A Redis whose memory is full refuses SET, also where there is nothing to set.
    const found =
      (await this.server.send('GET', [name])) ?? (await this.server.send('SET', [name, shards, 'NX', 'GET']));
    const before = found === null ? shards : Number(text(found));
    if (before === shards) return this.repair();
    const moved: ShardKeys[] = [];
    for (let number = 0; number < Math.max(before, shards); number++) {
      const keys = new ShardKeys(this.namespace, this.entity, number);
      const left = await this.server.run(RESHARD, [keys.versions, keys.letters, keys.meta], [shards]);
      if (left === 0) {
        moved.push(keys);
        continue;
      }
      for (const done of moved) await this.server.run(RESHARD, [done.versions, done.letters, done.meta], [before]);
      throw this.wrongShards(before);
    }
    await this.server.send('SET', [name, shards]);
  }

  /** Somebody who was changing the number of shards may have died in the middle: what he has moved refuses ours. */
  private async repair(): Promise<void> {
    const { shards } = this.options;
    await Promise.all(
      this.shards.map(async ({ keys }) => {
        const found = await this.server.send('HGET', [keys.meta, 'shards']);
        if (found === null || Number(text(found)) === shards) return;
        const left = await this.server.run(RESHARD, [keys.versions, keys.letters, keys.meta], [shards]);
        if (left !== 0) throw this.wrongShards(Number(text(found)));
      }),
    );
  }

  write(shard: number, writes: readonly Write[]): Promise<Marked[]> {
    const { writes: batch } = this.shard(shard);
    return Promise.all(writes.map((write) => batch.add(write)));
  }

  read(shard: number, keys: readonly string[]): Promise<KeyReading[]> {
    const { reads: batch } = this.shard(shard);
    return Promise.all(keys.map((key) => batch.add(key)));
  }

  async fill(shard: number, fills: readonly Fill[]): Promise<void> {
    const { cacheTtl } = this.options;
    if (cacheTtl === 0 || fills.length === 0) return;
    const { keys } = this.shard(shard);
    const args = fills.flatMap(({ state, payload }) => [
      state.slice(1),
      this.versions.next() + (payload === null ? 'd' : `u${payload}`),
      cacheTtl,
    ]);
    await this.server.run(
      FILL,
      fills.map(({ key }) => keys.cached(key)),
      args,
    );
  }

  async forget(shard: number, keys: readonly string[]): Promise<void> {
    if (keys.length === 0) return;
    const names = this.shard(shard).keys;
    await this.server.send(
      'UNLINK',
      keys.map((key) => names.cached(key)),
    );
  }

  async dirty(shard: number, keys?: readonly string[]): Promise<Map<string, WriteVersion>> {
    const { versions } = this.shard(shard).keys;
    const found = new Map<string, WriteVersion>();
    if (keys === undefined) {
      const all = (await this.server.send('HGETALL', [versions])) as Buffer[];
      for (let i = 0; i < all.length; i += 2) found.set(text(all[i]), text(all[i + 1]));
      return found;
    }
    for (const part of parts(keys)) {
      const answers = (await this.server.send('HMGET', [versions, ...part])) as (Buffer | null)[];
      part.forEach((key, i) => {
        if (answers[i]) found.set(key, text(answers[i]));
      });
    }
    return found;
  }

  async hasten(shard: number, keys?: readonly string[]): Promise<void> {
    const { due, attempts } = this.shard(shard).keys;
    for (const part of keys ? parts(keys) : [[]]) await this.server.run(HASTEN, [due, attempts], part);
  }

  async claim(shard: number, { owner, lease, limit, ahead, epochAtLeast = 0 }: ClaimOptions): Promise<Claim> {
    const { due, versions, payloads, attempts, meta } = this.shard(shard).keys;
    const args = [owner, lease, limit, ahead, epochAtLeast, MAX_CLAIM];
    const answer = (await this.server.run(CLAIM, [due, versions, payloads, attempts, meta], args)) as (
      | number
      | Buffer
    )[];
    if (Number(answer[0]) === 0) return { status: 'refused' };
    const writes: PendingWrite[] = [];
    for (let i = 2; i < answer.length; i += 3) {
      writes.push(pending(text(answer[i]), text(answer[i + 1]), text(answer[i + 2])));
    }
    return { status: 'claimed', epoch: Number(text(answer[1])), writes };
  }

  async ack(shard: number, writes: readonly Pick<PendingWrite, 'key' | 'version'>[]): Promise<void> {
    const args = writes.flatMap(({ key, version }) => [key, version]);
    await this.server.run(ACK, this.shard(shard).keys.all, [this.options.flushDelay, ...args]);
  }

  async fail(shard: number, failures: readonly Failure[]): Promise<Failed[]> {
    const { keys } = this.shard(shard);
    const { rowAttempts, constraintRetry, keepDeadValues } = this.options;
    const names = [...keys.all, ...failures.map(({ key }) => keys.cached(key))];
    const fixed = [rowAttempts, constraintRetry, FIRST_PAUSE, LONGEST_PAUSE, keepDeadValues ? 1 : 0, this.random()];
    const args = failures.flatMap(({ key, version, kind, error }) => [key, version, kind, error]);
    const answers = (await this.server.run(FAIL, names, [...fixed, ...args])) as (Buffer | number)[];
    return failures.map((_, i) => ({
      result: text(answers[2 * i]) as Failed['result'],
      attempts: Number(answers[2 * i + 1]),
    }));
  }

  async release(shard: number, owner: string, after: Milliseconds = 0): Promise<Milliseconds | undefined> {
    const { due, meta } = this.shard(shard).keys;
    const answer = await this.server.run(RELEASE, [due, meta], [owner, Math.ceil(after), this.options.grace]);
    return answer === null ? undefined : Number(answer);
  }

  async dueIn(shard: number): Promise<Milliseconds | undefined> {
    const answer = await this.server.run(DUE, [this.shard(shard).keys.due], []);
    return answer === null ? undefined : Number(answer);
  }

  async letters(shard: number, keys?: readonly string[]): Promise<BufferedLetter[]> {
    const { letters } = this.shard(shard).keys;
    if (keys?.length === 0) return [];
    const found: [string, string][] = [];
    if (keys === undefined) {
      const all = (await this.server.send('HGETALL', [letters])) as Buffer[];
      for (let i = 0; i < all.length; i += 2) found.push([text(all[i]), text(all[i + 1])]);
    } else {
      const answers = (await this.server.send('HMGET', [letters, ...keys])) as (Buffer | null)[];
      keys.forEach((key, i) => {
        if (answers[i]) found.push([key, text(answers[i])]);
      });
    }
    return found.map(([key, letter]) => readLetter(key, letter));
  }

  async replay(shard: number, keys?: readonly string[]): Promise<number> {
    const names = this.shard(shard).keys;
    const which = keys ?? (await this.letters(shard)).map(({ key }) => key);
    let count = 0;
    for (const part of parts(which)) {
      const all = [...names.all, ...part.map((key) => names.cached(key))];
      count += Number(await this.run(REPLAY, all, [this.options.shards, ...part]));
    }
    return count;
  }

  async discard(shard: number, keys: readonly string[]): Promise<number> {
    const { letters, meta } = this.shard(shard).keys;
    let count = 0;
    for (const part of parts(keys)) count += Number(await this.server.run(DISCARD, [letters, meta], part));
    return count;
  }

  async stats(shard: number): Promise<ShardStats> {
    const answer = (await this.server.run(STATS, this.shard(shard).keys.all, [])) as unknown[];
    const [dirty = 0, deadLetters = 0, bytes = 0, lag = 0, marked = 0, flushed = 0] = answer.map(Number);
    return { dirty, deadLetters, bytes, lag, marked, flushed };
  }

  async replicated(shard: number, replicas: number, timeout: Milliseconds): Promise<number> {
    const { meta } = this.shard(shard).keys;
    return Number(await this.server.askFor(meta, 'WAIT', [replicas, Math.ceil(timeout)]));
  }

  private open(number: number): Shard {
    const keys = new ShardKeys(this.namespace, this.entity, number);
    const opened = (): void => this.schedule(number);
    return {
      keys,
      writes: new Batch((writes) => this.sendWrites(keys, writes), MAX_BYTES, weigh, opened),
      reads: new Batch(
        (wanted) => this.sendReads(keys, wanted),
        MAX_KEYS,
        () => 1,
        opened,
      ),
    };
  }

  private schedule(number: number): void {
    if (this.opened.length === 0) {
      process.nextTick(() => {
        const batches = this.opened.splice(0);
        this.server.together(() => {
          for (const batch of batches) batch.flush();
        });
      });
    }
    // What was written in a tick is seen by the reads of the same tick.
    const { writes, reads } = this.shard(number);
    this.opened.push(writes, reads);
  }

  private async sendWrites(keys: ShardKeys, writes: Write[]): Promise<Marked[]> {
    const { shards, flushDelay, grace, maxEntries, maxBytes, batchSize, cacheTtl } = this.options;
    const names = [...keys.all, ...writes.map(({ key }) => keys.cached(key))];
    const args: (string | number)[] = [shards, flushDelay, grace, maxEntries, maxBytes, batchSize, cacheTtl];
    for (const { key, operation, payload, label = '', expected = '', urgent } of writes) {
      const copy = this.versions.next() + label;
      args.push(key, (operation === 'upsert' ? 'u' : 'd') + payload, expected, copy, urgent ? 1 : 0);
    }
    const answers = ((await this.run(MARK, names, args, true)) as Buffer[]).map(text);
    let wake = answers.pop() as Wake;
    return answers.map((answer) => {
      if (answer === '') return { status: 'full' };
      if (answer === '-') return { status: 'conflict' };
      const marked: Marked = { status: 'marked', version: answer, wake };
      wake = 'no'; // one of them wakes for all
      return marked;
    });
  }

  private async sendReads(keys: ShardKeys, wanted: string[]): Promise<KeyReading[]> {
    const names = [keys.versions, keys.payloads, ...wanted.map((key) => keys.cached(key))];
    const args = wanted.flatMap((key) => [key, this.versions.next()]);
    const answers = (await this.server.run(READ, names, [HOLD, ...args])) as Buffer[];
    return wanted.map((key, i) => {
      const kind = text(answers[3 * i]);
      const state = text(answers[3 * i + 1]);
      const payload = text(answers[3 * i + 2]);
      if (kind === 'p') return { kind: 'pending', state: `v${state}`, write: pending(key, state, payload) };
      if (kind === 'c') return { kind: 'cached', state: `c${state}`, payload: rowOf(payload) };
      return { kind: 'absent', state: kind === 'h' ? `c${state}` : undefined };
    });
  }

  /** `ordered`: a script that the server has forgotten fails instead of being overtaken by the next call. */
  private async run(script: Script, names: string[], args: (string | number)[], ordered = false): Promise<unknown> {
    try {
      return await this.server.run(script, names, args, ordered);
    } catch (error) {
      const cause = error instanceof Error && error.cause instanceof Error ? error.cause.message : '';
      const before = /SHARDS (\d+)/.exec(cause)?.[1];
      throw before === undefined ? error : this.wrongShards(Number(before));
    }
  }

  private shard(number: number): Shard {
    const shard = this.shards[number];
    if (shard) return shard;
    throw new RangeError(`There is no shard ${number} of ${this.entity}.`);
  }

  private wrongShards(before: number): CacheOptionsError {
    const remedy = `Its rows are spread over ${before} shards. Run with shards: ${before} until stats() shows nothing dirty and no dead letters, stop all processes, then change it.`;
    const option = `writeBehind.entities.${this.entity}.shards`;
    return new CacheOptionsError([{ option, value: this.options.shards, remedy }]);
  }
}

/** So many keys at a time. */
function* parts(keys: readonly string[]): Generator<readonly string[]> {
  for (let from = 0; from < keys.length; from += MAX_KEYS) yield keys.slice(from, from + MAX_KEYS);
}

function weigh(write: Write): number {
  return write.payload.length + write.key.length + 64;
}

function text(answer: unknown): string {
  return Buffer.isBuffer(answer) ? answer.toString() : String(answer);
}

function pending(key: string, version: WriteVersion, stored: string): PendingWrite {
  const operation: WriteOperation = stored[0] === 'u' ? 'upsert' : 'delete';
  return { key, version, operation, payload: stored.slice(1) };
}

function rowOf(stored: string): string | null {
  return stored[0] === 'u' ? stored.slice(1) : null;
}

/** version, time, attempts, length of the error in bytes, then the error and what would have been written. */
function readLetter(key: string, letter: string): BufferedLetter {
  const [version = '', at, attempts, length] = letter.split(' ', 4);
  const head = `${version} ${at} ${attempts} ${length} `.length;
  const rest = Buffer.from(letter.slice(head));
  const error = rest.subarray(0, Number(length)).toString();
  const write = pending(key, version, rest.subarray(Number(length)).toString());
  return { ...write, error, attempts: Number(attempts), at: Number(at) };
}
