import { expect } from '@jest/globals';
import type {
  BufferOptions,
  KeyReading,
  PendingWrite,
  Write,
  WriteVersion,
} from '../../../src/write-behind/write-buffer.js';
import { BufferModel, type ModelState, type ModelWrite } from './buffer-model.js';
import type { Step } from './model.js';
import { type OpenBuffer, Shard, wakeOf } from './open-buffer.js';

/** What somebody read, here and in the model, and may use later. */
interface Seen {
  key: string;
  real: string;
  model: ModelState;
}

/** A write that was handed out, here and in the model. */
interface Taken {
  real: PendingWrite;
  model: ModelWrite;
}

/** A buffer beside the model: each step is done to both, and they must agree. */
export class ModelPair {
  private readonly model: BufferModel;
  private readonly shard: Shard;
  private readonly seen: Seen[] = [];
  private readonly taken: Taken[] = [];
  private readonly versions = new Map<ModelWrite, WriteVersion>();
  private newest = 0n;
  private made = 0;

  constructor(
    private readonly open: OpenBuffer,
    options: BufferOptions,
    /** By how much times may differ: the clock of a real server goes on, the model's does not. */
    private readonly slack: number,
  ) {
    this.model = new BufferModel(options);
    this.shard = new Shard(open.buffer, 2);
  }

  async take(step: Step): Promise<void> {
    const { model, shard } = this;
    const { buffer, number } = shard;
    switch (step.do) {
      case 'write':
        return this.write(step.writes);
      case 'read':
        return this.read(step.keys);
      case 'fill':
        return this.fill(step.which, step.row);
      case 'forget':
        for (const key of step.keys) model.copies.delete(key);
        return buffer.forget(number, step.keys);
      case 'hasten':
        model.hasten(step.keys ?? [...model.dirty.keys()]);
        return buffer.hasten(number, step.keys);
      case 'claim':
        return this.claim(step);
      case 'ack':
        return this.ack(step.which);
      case 'fail':
        return this.fail(step);
      case 'release':
        return this.isNear(await buffer.release(number, step.owner, step.after), model.release(step.owner, step.after));
      case 'replay': {
        expect(await buffer.replay(number, step.keys)).toBe(model.replay(step.keys ?? [...model.letters.keys()]));
        return this.learnVersions();
      }
      case 'discard':
        expect(await buffer.discard(number, step.keys)).toBe(
          step.keys.filter((key) => model.letters.delete(key)).length,
        );
        return;
      case 'pass':
        model.now += step.ms;
        return this.open.pass(step.ms);
    }
  }

  async compare(): Promise<void> {
    const { model, shard } = this;
    const { buffer, number } = shard;
    const dirty = [...model.dirty.values()].map(({ write }) => [write.key, this.versions.get(write)] as const);
    expect(await buffer.dirty(number)).toEqual(new Map(dirty));
    const { bytes, lag, ...stats } = await shard.stats();
    const { marked, flushed } = model;
    expect(stats).toEqual({ dirty: model.dirty.size, deadLetters: model.letters.size, marked, flushed });
    this.isNear(lag, Math.max(0, -(model.dueIn() ?? 0)));
    this.isNear(await shard.dueIn(), model.dueIn());
    const sizes = dirty.map(
      ([key]) => 2 * Buffer.byteLength(key) + (model.dirty.get(key)?.write.payload.length ?? 0) + 97,
    );
    const least = sizes.reduce((sum, size) => sum + size, 0);
    if (model.letters.size === 0) expect(bytes).toBe(least);
    else expect(bytes).toBeGreaterThan(least);
    const letters = [...model.letters.values()].map(({ write, ...rest }) => {
      return { ...write, ...rest, version: this.versions.get(write), at: expect.any(Number) };
    });
    const found = await buffer.letters(number);
    expect(found.sort(byKey)).toEqual(letters.sort(byKey));
    await this.open.check(number);
  }

  /** In the end all of it goes to the database, and nothing is left over. */
  async finish(): Promise<void> {
    const { shard } = this;
    await shard.buffer.discard(shard.number, [...this.model.letters.keys()]);
    await shard.ack(...[...(await shard.buffer.dirty(shard.number))].map(([key, version]) => ({ key, version })));
    expect(await shard.stats()).toMatchObject({ dirty: 0, deadLetters: 0, bytes: 0 });
    await this.open.check(shard.number);
  }

  private async write(wanted: Extract<Step, { do: 'write' }>['writes']): Promise<void> {
    const both = wanted.map(({ key: any, operation, urgent, after }) => {
      const seen = after === undefined ? undefined : this.seen[after % (this.seen.length || 1)];
      const key = seen?.key ?? any;
      const payload = `${++this.made}${'x'.repeat(this.made % 7)}`;
      const write: Write = { key, operation, payload, urgent, ...(seen && { expected: seen.real }) };
      const model: ModelWrite = { key, operation, payload };
      return { write, model: { write: model, urgent, ...(seen && { expected: { state: seen.model } }) } };
    });
    const { answers, wake } = this.model.write(both.map(({ model }) => model));
    const marked = await this.shard.buffer.write(
      this.shard.number,
      both.map(({ write }) => write),
    );
    expect(marked.map(({ status }) => status)).toEqual(answers);
    expect(wakeOf(marked)).toBe(wake);
    marked.forEach((answer, i) => {
      if (answer.status === 'marked') this.learn(both[i]?.model.write as ModelWrite, answer.version);
    });
  }

  private async read(keys: string[]): Promise<void> {
    const readings = await this.shard.buffer.read(this.shard.number, keys);
    keys.forEach((key, i) => {
      const model = this.model.read(key);
      const real = readings[i] as KeyReading;
      expect(real).toMatchObject(this.expectation(model));
      this.seen.push({ key, real: real.state ?? '', model });
    });
  }

  private expectation(state: ReturnType<BufferModel['read']>): object {
    if ('key' in state) return { kind: 'pending', write: { ...state, version: this.versions.get(state) } };
    return state.row === undefined ? { kind: 'absent' } : { kind: 'cached', payload: state.row };
  }

  private async fill(which: number, payload: string | null): Promise<void> {
    const seen = this.seen[which % (this.seen.length || 1)];
    if (!seen) return;
    this.model.fill(seen.key, seen.model, payload);
    await this.shard.buffer.fill(this.shard.number, [{ key: seen.key, state: seen.real, payload }]);
  }

  private async claim({ owner, limit, ahead, more, lease }: Extract<Step, { do: 'claim' }>): Promise<void> {
    const { model, slack } = this;
    const epochAtLeast = more === undefined ? 0 : model.epoch + more;
    const expected = model.claim(owner, limit, lease, epochAtLeast);
    const claim = await this.shard.claim({ owner, lease, limit, ahead, epochAtLeast });
    if (expected === undefined || claim.status === 'refused') {
      expect([claim.status, expected]).toEqual(['refused', undefined]);
      return;
    }
    if (expected.isNew) expect(claim.epoch).toBeGreaterThanOrEqual(expected.least);
    else expect(claim.epoch).toBe(expected.least);
    model.epoch = claim.epoch;
    const left = new Map(model.dirty);
    let last = Number.NEGATIVE_INFINITY;
    for (const real of claim.writes) {
      const entry = left.get(real.key);
      expect(real).toEqual({ ...entry?.write, version: entry && this.versions.get(entry.write) });
      if (!entry) return;
      // What waits after a refusal does not come sooner.
      if (entry.attempts > 0) expect(entry.due).toBeLessThanOrEqual(model.now + slack);
      left.delete(real.key);
      last = Math.max(last, entry.due);
      this.taken.push({ real, model: entry.write });
    }
    // In time, as many as were wanted, and nothing left behind that was due before.
    expect(last).toBeLessThanOrEqual(model.now + ahead + slack);
    expect(claim.writes.length).toBeLessThanOrEqual(limit);
    const waits = ({ attempts, due }: { attempts: number; due: number }): boolean =>
      attempts > 0 && due > model.now - slack;
    const dues = [...left.values()].filter((entry) => !waits(entry)).map(({ due }) => due);
    const until = [...left.values()].some(waits) ? -slack : ahead;
    if (claim.writes.length < limit) expect(dues.filter((due) => due <= model.now + until)).toEqual([]);
    else if (limit > 0) expect(dues.filter((due) => due < last - slack)).toEqual([]);
  }

  private async ack(which: readonly number[]): Promise<void> {
    // Each key once, as in a claim.
    const byKey = new Map(
      which.map((i) => this.taken[i % (this.taken.length || 1)]).map((one) => [one?.real.key, one]),
    );
    const taken = [...byKey.values()].filter((one) => one !== undefined);
    for (const { model } of taken) this.model.ack(model);
    await this.shard.ack(...taken.map(({ real }) => real));
  }

  private async fail({ which, kind, error }: Extract<Step, { do: 'fail' }>): Promise<void> {
    const taken = this.taken[which % (this.taken.length || 1)];
    if (!taken) return;
    const { key, version } = taken.real;
    expect(await this.shard.fail(key, version, error, kind)).toEqual(this.model.fail(taken.model, kind, error));
  }

  /** Versions that the buffer gave without telling. */
  private async learnVersions(): Promise<void> {
    const versions = await this.shard.buffer.dirty(this.shard.number);
    for (const write of this.model.history) {
      const version = versions.get(write.key);
      const isThere = this.model.dirty.get(write.key)?.write === write;
      if (isThere && version && !this.versions.has(write)) this.learn(write, version);
    }
  }

  private learn(write: ModelWrite, version: WriteVersion): void {
    expect(BigInt(version)).toBeGreaterThan(this.newest);
    this.newest = BigInt(version);
    this.versions.set(write, version);
  }

  private isNear(real: number | undefined, expected: number | undefined): void {
    if (real === undefined || expected === undefined) expect(real).toBe(expected);
    else expect(Math.abs(real - expected)).toBeLessThanOrEqual(this.slack);
  }
}

function byKey(one: { key: string }, other: { key: string }): number {
  return one.key < other.key ? -1 : 1;
}
