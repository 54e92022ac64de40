import { expect, it } from '@jest/globals';
import type { Core } from '../../src/engine/core.js';
import type { Observed } from '../../src/engine/watch.js';
import { ObservedKeys, oneOf } from '../../src/jobs/advise/observed-keys.js';
import { FakeClock } from '../../src/testing.js';

const ROOM = 500;

/** What an engine would tell of a memory that has an entry for each of `kept`. */
function observe(kept: ReadonlySet<string>) {
  const clock = new FakeClock();
  const core = {
    clock,
    epochs: { since: () => 'valid' },
    memory: { peek: (key: string) => (kept.has(key) ? {} : undefined) },
  } as unknown as Core;
  const keys = new ObservedKeys(core, ROOM, undefined);
  const life = { epoch: 0, markers: [], createdAt: clock.now(), expiresAt: clock.now() + 60_000, believedUntil: 1 };
  const load = (key: string): Observed | undefined => {
    keys.missed(key);
    return keys.stored(key, life);
  };
  return { keys, load };
}

it('keys that are asked for all the while stay observed, however many others come once', () => {
  const hot = Array.from({ length: ROOM }, (_, i) => `hot:${i}`);
  const { keys, load } = observe(new Set(hot));
  const seen = hot.map(load).filter((observed) => observed !== undefined);
  expect(seen.length).toBeGreaterThan(ROOM / oneOf(ROOM) / 2);
  for (let i = 0; i < 200_000; i++) load(`once:${i}`);
  keys.take();
  for (const observed of seen) keys.used(observed);
  expect(keys.take().of('hot:')).toMatchObject({ requests: seen.length, hits: seen.length });
  expect((keys as unknown as { keys: Map<string, unknown> }).keys.size).toBeLessThan(20_000);
});
