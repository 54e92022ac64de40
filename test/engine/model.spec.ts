import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { CacheModuleOptions } from '../../src/cache.options.js';
import type { CacheTarget } from '../../src/engine/target.js';
import { CacheModel, type Meant, type ModelLoad } from './cache-model.js';
import { type Deferred, deferred, embeddedCache } from './embedded-cache.js';

const times = { ttl: 100, grace: 150, graceBackoff: 30 };
const keys = ['a:1', 'a:2', 'a:2:x', 'b:1', 'c'];

const targets: [CacheTarget, Meant][] = [
  ...keys.map((key): [CacheTarget, Meant] => [key, (other) => other === key]),
  ...['s', 't'].map((tag): [CacheTarget, Meant] => [{ tags: [tag] }, (_, tags) => tags.includes(tag)]),
  // A first segment, a declared prefix, and one that must be searched for.
  ...['a:', 'a:2:', 'a:2'].map((prefix): [CacheTarget, Meant] => [{ prefix }, (key) => key.startsWith(prefix)]),
  [{ tags: ['s', 't'] }, (_, tags) => tags.length > 0],
  [{ pattern: '*:?' }, (key) => /^.*:.$/.test(key)],
  [['a:1', 'c'], (key) => key === 'a:1' || key === 'c'],
];

const key = fc.constantFrom(...keys);
const tags = fc.subarray(['s', 't']);
const step = fc.oneof(
  fc.record({ do: fc.constant('set' as const), key, tags, ttl: fc.constantFrom(undefined, 40, 1_000) }),
  fc.record({ do: fc.constantFrom('write' as const, 'load' as const, 'begin' as const), key, tags }),
  fc.record({ do: fc.constant('fail' as const), key }),
  fc.record({ do: fc.constant('end' as const), which: fc.nat() }),
  fc.record({ do: fc.constantFrom('evict' as const, 'expire' as const), target: fc.constantFrom(...targets) }),
  fc.record({ do: fc.constant('wait' as const), by: fc.constantFrom(1, 29, 30, 40, 60, 100, 150) }),
  { weight: 1, arbitrary: fc.record({ do: fc.constant('clear' as const) }) },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** The real cache beside the model: each step is done to both. */
class Pair {
  readonly real: ReturnType<typeof embeddedCache>;
  readonly model = new CacheModel(times);
  private readonly rows = new Map<ModelLoad, { row: Deferred<number>; answer: Promise<number> }>();
  private made = 0;

  constructor(options: CacheModuleOptions = {}) {
    const hardTimeout = Number.POSITIVE_INFINITY;
    this.real = embeddedCache({ ...times, hardTimeout, prefixes: ['a:*:'], ...options });
    this.model.now = this.real.clock.now();
  }

  async take(step: Step): Promise<void> {
    const { model } = this;
    const { cache, clock } = this.real;
    const value = ++this.made;
    switch (step.do) {
      case 'set':
        model.put(step.key, value, step.tags, step.ttl);
        return cache.set(step.key, value, { tags: step.tags, ...(step.ttl && { ttl: step.ttl }) });
      case 'write':
        model.put(step.key, value, step.tags);
        await cache.write(step.key, async () => value, { tags: step.tags });
        return;
      case 'load':
        return this.load(step.key, value, step.tags);
      case 'fail':
        return this.fail(step.key);
      case 'begin':
        return this.begin(step.key, value, step.tags);
      case 'end':
        return this.end(step.which);
      case 'evict':
      case 'expire':
        model.invalidate(step.target[1], step.do === 'expire');
        return cache[step.do](step.target[0]);
      case 'clear':
        model.invalidate(() => true, false);
        return cache.clear();
      case 'wait':
        model.now += step.by;
        return clock.advance(step.by);
    }
  }

  /** Both know the same values as fresh, by every way to ask. */
  async compare(): Promise<void> {
    const { cache } = this.real;
    const found = await cache.getMany<number>(keys);
    for (const key of keys) {
      const expected = this.model.fresh(key);
      const answers = [found.get(key), cache.peek(key), (await cache.getEntry(key))?.value];
      expect([key, ...answers]).toEqual([key, expected, expected, expected]);
    }
  }

  /** A bounded memory may drop any entry: the model drops it too. */
  async forget(): Promise<void> {
    for (const key of keys) {
      if ((await this.real.cache.explain(key)).memory.state === 'absent') this.model.entries.delete(key);
    }
  }

  private async load(key: string, value: number, tags: string[]): Promise<void> {
    const hit = this.model.fresh(key);
    if (hit === undefined && this.model.joinable(key)) return;
    if (hit === undefined) this.model.storeLoaded(key, value, tags);
    expect(await this.real.cache.getOrLoad(key, async () => value, { tags })).toBe(hit ?? value);
  }

  private async fail(key: string): Promise<void> {
    const hit = this.model.fresh(key);
    if (hit === undefined && this.model.joinable(key)) return;
    const expected = hit ?? this.model.standIn(key) ?? 'no database';
    const answer = await this.real.cache.getOrLoad<unknown>(key, () => Promise.reject('no database')).catch(String);
    expect(answer).toBe(expected);
  }

  private begin(key: string, value: number, tags: string[]): void {
    if (this.model.fresh(key) !== undefined || this.model.joinable(key)) return;
    const row = deferred<number>();
    const answer = this.real.cache.getOrLoad(key, () => row.promise, { tags });
    this.rows.set(this.model.begin(key, value, tags), { row, answer });
  }

  private async end(which: number): Promise<void> {
    const load = this.model.loads[which % this.model.loads.length];
    const under = load && this.rows.get(load);
    if (!under) return;
    const follower = this.model.joinable(load.key) === load && this.model.fresh(load.key) === undefined;
    const shared = follower ? this.real.cache.getOrLoad(load.key, () => -1) : under.answer;
    under.row.resolve(load.value);
    expect([await under.answer, await shared]).toEqual([load.value, load.value]);
    this.model.end(load);
  }
}

describe('a cache', () => {
  it('serves exactly what a Map that is walked for every invalidation would serve', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const pair = new Pair();
        for (const step of steps) {
          await pair.take(step);
          await pair.compare();
        }
      }),
      { numRuns: 1_000 },
    );
  });

  it('with little room serves nothing else than such a Map, of which entries may vanish', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const pair = new Pair({ memory: { maxEntries: 2 } });
        for (const step of steps) {
          await pair.take(step);
          await pair.forget();
          await pair.compare();
          expect(pair.real.cache.stats().memory.entries).toBeLessThanOrEqual(2);
        }
      }),
      { numRuns: 500 },
    );
  });
});
