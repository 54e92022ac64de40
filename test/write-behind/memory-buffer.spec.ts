import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { FakeClock } from '../../src/testing/fake-clock.js';
import { DueQueue } from '../../src/write-behind/memory/due-queue.js';
import { MemoryBuffer } from '../../src/write-behind/memory-buffer.js';
import type { BufferOptions } from '../../src/write-behind/write-buffer.js';
import { bufferContract } from './buffer-contract.js';
import { type Open, Shard, usual } from './contract/open-buffer.js';

const openAt =
  (clock: FakeClock): Open =>
  async (options) => {
    const dice = { share: 0 };
    const buffer = new MemoryBuffer('Product', { ...usual, ...options }, clock, () => dice.share);
    await buffer.start();
    return { buffer, clock, dice, pass: (ms) => clock.advance(ms), check: async () => {} };
  };

bufferContract('A buffer in memory', (options) => openAt(new FakeClock())(options), { numRuns: 500, exact: true });

describe('A buffer in memory', () => {
  const open = async (options?: Partial<BufferOptions>) => {
    const clock = new FakeClock();
    const { buffer } = await openAt(clock)(options);
    return { clock, shard: new Shard(buffer) };
  };

  it('takes a wake-up for lost the moment after delay and grace are over, and not before', async () => {
    const { clock, shard } = await open({ flushDelay: 100, grace: 50 });
    await shard.put('k', '1');
    await clock.advance(150);
    expect(await shard.mark('k', '2')).toMatchObject({ wake: 'no' });
    await clock.advance(1);
    expect(await shard.mark('k', '3')).toMatchObject({ wake: 'later' });
  });

  it('ends leases on time, and makes epochs of the time in microseconds', async () => {
    const { clock, shard } = await open();
    const epoch = clock.now() * 1_000;
    expect(await shard.claim({ owner: 'a', lease: 100 })).toMatchObject({ epoch });
    await clock.advance(99);
    expect(await shard.claim({ owner: 'b' })).toEqual({ status: 'refused' });
    await clock.advance(1);
    expect(await shard.claim({ owner: 'b' })).toMatchObject({ status: 'claimed', epoch: epoch + 100_000 });
    await shard.buffer.release(0, 'b');
    expect(await shard.claim({ owner: 'b' })).toMatchObject({ status: 'claimed', epoch: epoch + 100_001 });
  });

  it('makes versions of the time, so that they go on growing when the process starts anew', async () => {
    const { clock, shard } = await open({ rowAttempts: 1 });
    const first = await shard.put('k', '1');
    expect(Number(first)).toBe(clock.now() * 1_000);
    expect(Number(await shard.put('k', '2'))).toBe(clock.now() * 1_000 + 1);
    await clock.advance(1);
    const later = await shard.put('k', '3');
    expect(Number(later)).toBe(clock.now() * 1_000);
    await shard.fail('k', later);
    expect(await shard.letter('k')).toMatchObject({ at: clock.now() });
  });

  it('keeps times when the clock is set back, and lets versions grow', async () => {
    let wall = Date.UTC(2030, 0, 1);
    let passed = 0;
    const clock = { now: () => wall, elapsed: () => passed, after: () => () => {} };
    const shard = new Shard(new MemoryBuffer('Product', { ...usual, flushDelay: 100 }, clock, () => 0));
    const version = await shard.put('k', '1');
    await shard.claim({ owner: 'a', lease: 50 });
    wall -= 86_400_000;
    passed += 100.5;
    expect(await shard.take({ owner: 'b' })).toMatchObject([{ key: 'k' }]);
    expect(Number(await shard.put('k', '2'))).toBe(Number(version) + 1);
  });

  it('keeps a bounded number of copies, and pending writes beside them', async () => {
    const { shard } = await open({ maxEntries: 100_000, maxBytes: 1e9 });
    await shard.put('pending', '1');
    await shard.load('first', '1');
    expect(await shard.row('first')).toBe('1');
    for (let i = 0; i < 10_000; i++) await shard.load(`k${i}`, '1');
    expect([await shard.row('k9999'), await shard.row('first'), await shard.row('pending')]).toEqual([
      '1',
      undefined,
      '1',
    ]);
  });

  it('waits for a load that ends within half a minute, and for none that takes longer', async () => {
    const { clock, shard } = await open();
    for (const [after, expected] of [
      [29_999, 'loaded'],
      [30_000, undefined],
    ] as const) {
      const { state = '' } = await shard.read(`k${after}`);
      await clock.advance(after);
      await shard.buffer.fill(0, [{ key: `k${after}`, state, payload: 'loaded' }]);
      expect(await shard.row(`k${after}`)).toBe(expected);
    }
  });
});

describe('A queue by due time', () => {
  const change = fc.record({ do: fc.constantFrom('add', 'move', 'remove', 'look'), which: fc.nat(20), due: fc.nat(9) });

  it('is in order after any changes, and holds each item once', () => {
    const property = fc.property(fc.array(change, { maxLength: 60, size: 'max' }), (changes) => {
      const queue = new DueQueue<{ due: number; since: number; index: number }>();
      const items: { due: number; since: number; index: number }[] = [];
      const sorted = () => [...items].sort((one, other) => one.due - other.due || one.since - other.since);
      for (const [since, step] of changes.entries()) {
        const item = items[step.which % (items.length || 1)];
        if (step.do === 'add') {
          const added = { due: step.due, since, index: 0 };
          items.push(added);
          queue.add(added);
        } else if (step.do === 'look') {
          const first = sorted()
            .filter(({ due }) => due <= step.due)
            .slice(0, step.which);
          let left = step.which;
          expect(queue.upTo(step.due, () => left-- > 0)).toEqual(first);
        } else if (item && step.do === 'move') {
          queue.move(item, step.due);
        } else if (item) {
          queue.remove(item);
          items.splice(items.indexOf(item), 1);
        }
        expect(queue.first).toBe(sorted()[0]);
      }
      expect(queue.upTo(10, () => true)).toEqual(sorted());
    });
    fc.assert(property, { numRuns: 300 });
  });
});
