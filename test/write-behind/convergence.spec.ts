import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { settled } from '../engine/embedded-cache.js';
import { type CheckedBuffer, type Cuttable, checkedBuffer } from './checked-buffer.js';
import { DatabaseError, type Item, type Point, type Stall } from './fake-table.js';
import { LEASE, type Process, Rig } from './rig.js';

const KEYS = ['a', 'b', 'c', 'd', 'e'];
const SHARDS = 2;

const p = fc.nat(2);
const key = fc.constantFrom(...KEYS);
const shard = fc.nat(SHARDS - 1);
const step = fc.oneof(
  // A negative number is poison: the database refuses it for good.
  { weight: 6, arbitrary: fc.record({ do: fc.constant('put' as const), p, key, n: fc.integer({ min: -1, max: 9 }) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('delete' as const, 'patch' as const), p, key }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('read' as const), p, key }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('flush' as const), p, shard, force: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('flushAll' as const), p }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('sweep' as const), p }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('replay' as const), p }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('load' as const, 'forget' as const), p, key }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('stall' as const),
      point: fc.constantFrom<Point>('begin', 'inside', 'committed'),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('resume' as const), which: fc.nat(), fails: fc.boolean() }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('fail' as const),
      kind: fc.constantFrom('transient' as const, 'outage' as const, 'schema' as const, 'order' as const),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('cut' as const),
      method: fc.constantFrom<Cuttable>('claim', 'ack', 'fail', 'release'),
      done: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('loseEpochs' as const), shard }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('wait' as const),
      by: fc.constantFrom(1, 50, 101, 1_000, LEASE / 2, LEASE),
    }),
  },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** Three processes that share a buffer and a table, and what was acknowledged. */
class World {
  readonly checked: CheckedBuffer = checkedBuffer(() => this.rig.table);
  readonly rig: Rig;
  readonly processes: Process[];
  private readonly last = new Map<string, { version: bigint; row: Item | null }>();
  private readonly stalls: Stall[] = [];
  private readonly loads: (() => void)[] = [];
  private readonly open: Promise<unknown>[] = [];

  constructor(cacheTtl: number) {
    const buffer = { shards: SHARDS, batchSize: 3, rowAttempts: 2, cacheTtl, constraintRetry: 3_000 };
    this.rig = new Rig({ buffer, through: this.checked.through });
    this.processes = Array.from({ length: 3 }, () => this.rig.process().start());
    this.rig.table.objection = ({ payload }) => (payload.includes('-1') ? new DatabaseError('data') : undefined);
  }

  async take(step: Step): Promise<void> {
    const { table, clock } = this.rig;
    switch (step.do) {
      case 'put': {
        const row = { id: step.key, n: step.n };
        const { version } = await this.process(step).entity.put(row);
        return void this.last.set(step.key, { version, row });
      }
      case 'delete': {
        const { version } = await this.process(step).entity.delete(step.key);
        return void this.last.set(step.key, { version, row: null });
      }
      case 'patch':
        return this.patch(step);
      case 'read':
        return this.read(step);
      case 'flush':
        return this.begin(this.process(step).flush('Item', step.shard, step.force));
      case 'flushAll':
        return this.begin(this.process(step).entity.flush({ timeout: 2_000 }));
      case 'sweep':
        return this.begin(this.process(step).sweep());
      case 'replay':
        return this.replay(step);
      case 'load':
        return this.load(step);
      case 'forget':
        return this.process(step).entity.forget([step.key]);
      case 'stall':
        return void this.stalls.push(table.stall(step.point));
      case 'resume':
        return this.resume(step.which, step.fails);
      case 'fail':
        return table.fail(new DatabaseError(step.kind));
      case 'cut':
        return this.checked.cut(step.method, step.done);
      case 'loseEpochs':
        return void table.epochs.set(step.shard, (table.epochs.get(step.shard) ?? clock.now() * 1_000) + 5_000_000);
      case 'wait':
        return clock.advance(step.by);
    }
  }

  /** No more trouble, and time enough. */
  async recover(): Promise<void> {
    for (const stall of this.stalls) stall.go();
    for (const go of this.loads) go();
    this.rig.table.forgive();
    this.checked.heal();
    for (let rounds = 0; rounds < 10; rounds++) {
      await this.rig.clock.advance(31_000);
      for (const process of this.processes) await process.sweep(true);
    }
    await Promise.all(this.open);
  }

  /** Invariants 1 and 6: each key's last acknowledged value is in the table, or it is a dead letter. And 5: epochs. */
  async expectConverged(): Promise<void> {
    const { rig } = this;
    for (const [id, { row, version }] of this.last) {
      expect(await rig.dirtyKeys(rig.shardOf(id))).toEqual([]);
      if (await this.isDead(id, version)) continue;
      expect([id, rig.table.row(id)]).toEqual([id, row]);
      for (const { entity } of this.processes) expect([id, await entity.get(id)]).toEqual([id, row]);
    }
    const epochs = new Map<number, number>();
    for (const { shard, epoch } of rig.table.committed) {
      expect(epoch).toBeGreaterThanOrEqual(epochs.get(shard) ?? 0);
      epochs.set(shard, epoch);
    }
  }

  private process({ p }: { p: number }): Process {
    return this.processes[p] as Process;
  }

  private begin(work: Promise<unknown>): void {
    this.open.push(work.catch(() => undefined));
  }

  /** Invariant 7: what was acknowledged last, wherever it is. A dead letter is no longer what readers get. */
  private async read({ p, key: id }: { p: number; key: string }): Promise<void> {
    const last = this.last.get(id);
    const found = await this.process({ p }).entity.get(id);
    if (last && (await this.isDead(id, last.version))) return;
    expect([id, found]).toEqual([id, last?.row ?? null]);
  }

  private async patch({ p, key: id }: { p: number; key: string }): Promise<void> {
    let from: Item | undefined;
    const change = (row: Item): Item => {
      from = { ...row };
      return { id, n: row.n < 0 ? row.n : row.n + 10 };
    };
    const row = await this.process({ p })
      .entity.patch(id, change)
      .catch((error: { code?: string }) => error.code);
    const last = this.last.get(id);
    const dead = last !== undefined && (await this.isDead(id, last.version));
    if (row === 'WRITE_BEHIND_CONFLICT') {
      if (!dead) expect([id, last?.row ?? null]).toEqual([id, null]);
      return;
    }
    if (!dead) expect([id, from]).toEqual([id, last?.row]);
    const version = await this.versionOf(id);
    this.last.set(id, { version: BigInt(version), row: row as Item });
  }

  /** A dead letter that is replayed is the last write again, with a new version. */
  private async replay({ p }: { p: number }): Promise<void> {
    const dead: string[] = [];
    for (const [id, { version }] of this.last) if (await this.isDead(id, version)) dead.push(id);
    await this.process({ p }).entity.deadLetters.replay();
    for (const id of dead) {
      const last = this.last.get(id);
      if (last) this.last.set(id, { ...last, version: BigInt(await this.versionOf(id)) });
    }
  }

  /** A load that has read the database, and hands on what it found later. */
  private async load({ p, key: id }: { p: number; key: string }): Promise<void> {
    this.rig.table.loadHook = () => new Promise<void>((resolve) => this.loads.push(resolve));
    this.begin(this.process({ p }).entity.get(id));
    await settled();
    this.rig.table.loadHook = () => undefined;
  }

  private async resume(which: number, fails: boolean): Promise<void> {
    this.loads.shift()?.();
    const at = this.stalls.length === 0 ? -1 : which % this.stalls.length;
    for (const stall of at < 0 ? [] : this.stalls.splice(at, 1))
      stall.go(fails ? new DatabaseError('transient') : undefined);
    await settled();
  }

  private async isDead(id: string, version: bigint): Promise<boolean> {
    const [letter] = await this.rig.buffer.letters(this.rig.shardOf(id), [id]);
    return letter !== undefined && BigInt(letter.version) === version;
  }

  private async versionOf(id: string): Promise<string> {
    const version = (await this.rig.buffer.dirty(this.rig.shardOf(id), [id])).get(id);
    if (version === undefined) throw new Error(`${id} is not pending.`);
    return version;
  }
}

describe('whatever happens to processes, database and buffer', () => {
  it('no acknowledged write is lost, readers see the last one, and in the end the table has it', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 5, maxLength: 80 }),
        fc.constantFrom(0, 300_000),
        async (steps, cacheTtl) => {
          const world = new World(cacheTtl);
          for (const step of steps) await world.take(step);
          await world.recover();
          await world.expectConverged();
        },
      ),
      { numRuns: 300 },
    );
  }, 120_000);
});
