import { describe, expect, it } from '@jest/globals';
import { giveWay } from '../../src/jobs/warm/give-way.js';
import type { WarmItem } from '../../src/jobs/warm/plan.js';
import { warmRun } from '../../src/jobs/warm/warm-run.js';

const item = (key: string, refresh: WarmItem['refresh'] = async () => 'loaded'): WarmItem => ({
  ...{ key, count: 1, ttl: 1_000, refresh },
});
const items = (count: number, refresh?: WarmItem['refresh']) =>
  Array.from({ length: count }, (_, i) => item(`k${i}`, refresh));
const options = {
  concurrency: 3,
  horizon: 0,
  giveWay: () => undefined,
  goOn: () => undefined,
  progress: () => undefined,
};

describe('a warm-up', () => {
  it('runs as many loads at a time as it may, and no more', async () => {
    let now = 0;
    let most = 0;
    const refresh = async () => {
      most = Math.max(most, ++now);
      await new Promise((resolve) => setImmediate(resolve));
      now--;
      return 'loaded' as const;
    };
    expect(await warmRun(items(20, refresh), options)).toMatchObject({ loaded: 20, ended: undefined });
    expect(most).toBe(3);
  });

  it('gives way to requests before each load', async () => {
    const course: string[] = [];
    const refresh = async () => {
      course.push('load');
      return 'loaded' as const;
    };
    await warmRun(items(2, refresh), { ...options, concurrency: 1, giveWay: () => void course.push('way') });
    expect(course).toEqual(['way', 'load', 'way', 'load']);
  });

  it('does not begin a load when it is to stop', async () => {
    let allowed = 5;
    const goOn = () => (allowed-- > 0 ? undefined : ('stopped' as const));
    const tally = await warmRun(items(20), { ...options, goOn });
    expect(tally).toMatchObject({ loaded: 5, ended: 'stopped' });
  });

  it('leaves a source alone that fails ten times in a row, but not one that fails now and then', async () => {
    const failing = await warmRun(
      items(50, () => Promise.reject(new Error('down'))),
      { ...options, concurrency: 1 },
    );
    expect(failing).toMatchObject({ failed: 10, ended: 'failures' });
    let calls = 0;
    const now = async () => {
      if (++calls % 3 === 0) return 'loaded' as const;
      throw new Error('down');
    };
    expect(await warmRun(items(60, now), options)).toMatchObject({ loaded: 20, failed: 40, ended: undefined });
  });
});

describe('giving way', () => {
  it('takes one turn of an event loop that has nothing else to do, and longer while it is busy', async () => {
    let busy = true;
    const block = (): void => {
      const end = performance.now() + 30;
      while (performance.now() < end);
      if (busy) setImmediate(block);
    };
    setImmediate(block);
    const begun = performance.now();
    const waiting = giveWay();
    setTimeout(() => {
      busy = false;
    }, 100);
    await waiting;
    expect(performance.now() - begun).toBeGreaterThan(75);
  });
});
