import { it } from '@jest/globals';
import fc from 'fast-check';
import type { BufferOptions } from '../../../src/write-behind/write-buffer.js';
import { ModelPair } from './model-pair.js';
import { MINUTE, type Open, usual } from './open-buffer.js';

export interface ModelRuns {
  numRuns: number;
  /**
   * Whether the buffer's time stands still until the test lets it pass. Otherwise all times are so long that it does not
   * matter how long the test takes.
   */
  exact: boolean;
}

const names = ['a', 'b', 'c', 'd', 'é e'];
const key = fc.constantFrom(...names);
const keys = fc.array(key, { minLength: 1, maxLength: 3 });
const some = fc.option(keys, { nil: undefined });
const owner = fc.constantFrom('p', 'q');
const index = fc.nat({ max: 30 });

const oneWrite = fc.record({
  key,
  operation: fc.constantFrom('upsert' as const, 'upsert' as const, 'delete' as const),
  urgent: fc.integer({ min: 0, max: 5 }).map((n) => n === 0),
  /** Expects what was seen in this reading. */
  after: fc.option(index, { nil: undefined, freq: 2 }),
});

function steps(exact: boolean) {
  const times = exact ? [1, 49, 50, 100, 101, 150, 250, 1_000] : [];
  const long = exact ? 100 : MINUTE;
  const after = fc.constantFrom(0, 0, long);
  const claim = fc.record({
    do: fc.constant('claim' as const),
    owner,
    limit: fc.constantFrom(0, 1, 2, 100, 100),
    ahead: fc.constantFrom(0, 0, 2 * MINUTE),
    more: fc.option(fc.nat({ max: 3 }), { nil: undefined, freq: 4 }),
    lease: fc.constant(long),
  });
  const writes = fc.array(oneWrite, { minLength: 1, maxLength: 3 });
  const which = index;
  const kind = fc.constantFrom('data' as const, 'data' as const, 'order' as const);
  const error = fc.constantFrom('no', '', '3 x\ny', 'é');
  return fc.oneof(
    { weight: 8, arbitrary: fc.record({ do: fc.constant('write' as const), writes }) },
    { weight: 4, arbitrary: fc.record({ do: fc.constant('read' as const), keys }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constant('fill' as const), which, row: fc.constantFrom('r', null) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('forget' as const), keys }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('hasten' as const), keys: some }) },
    { weight: 6, arbitrary: claim },
    { weight: 4, arbitrary: fc.record({ do: fc.constant('ack' as const), which: fc.array(index, { maxLength: 3 }) }) },
    { weight: 6, arbitrary: fc.record({ do: fc.constant('fail' as const), which, kind, error }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constant('release' as const), owner, after }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('replay' as const), keys: some }) },
    {
      weight: 1,
      arbitrary: fc.record({ do: fc.constant('discard' as const), keys: keys.map((all) => [...new Set(all)]) }),
    },
    {
      weight: exact ? 6 : 0,
      arbitrary: fc.record({ do: fc.constant('pass' as const), ms: fc.constantFrom(...times, 0) }),
    },
  );
}

export type Step = ReturnType<typeof steps> extends fc.Arbitrary<infer T> ? T : never;

/** Random operations, on a buffer and on a naive model of it. */
export function modelContract(open: Open, { numRuns, exact }: ModelRuns): void {
  const short: Partial<BufferOptions> = { flushDelay: 100, grace: 50, constraintRetry: 300, cacheTtl: 400 };
  const times: Partial<BufferOptions> = exact ? short : {};

  it('does what a naive model of it does', async () => {
    const options = fc.record({ keepDeadValues: fc.boolean(), caching: fc.integer({ min: 0, max: 3 }) });
    const property = fc.asyncProperty(
      options,
      fc.array(steps(exact), { minLength: 5, maxLength: 40, size: 'max' }),
      async ({ keepDeadValues, caching }, all) => {
        const wanted = { ...usual, ...times, keepDeadValues, maxEntries: 4, batchSize: 3, rowAttempts: 2 };
        if (caching === 0) wanted.cacheTtl = 0;
        const pair = new ModelPair(await open(wanted), wanted, exact ? 0 : MINUTE / 2 + 10_000);
        for (const step of all) {
          await pair.take(step);
          await pair.compare();
        }
        await pair.finish();
      },
    );
    await fc.assert(property, { numRuns });
  });
}
