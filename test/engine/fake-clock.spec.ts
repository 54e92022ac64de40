import { describe, expect, it } from '@jest/globals';
import { Test } from '@nestjs/testing';
import { CacheOptionsError, CacheService } from '../../src/index.js';
import { CacheTestingModule, FakeClock } from '../../src/testing.js';

describe('the clock for tests', () => {
  it('stands still until it is moved, by as much as it is', async () => {
    const clock = new FakeClock(1_000);
    expect([clock.now(), clock.now()]).toEqual([1_000, 1_000]);
    await clock.advance('1.5s');
    expect(clock.now()).toBe(2_500);
    await clock.advance(1);
    expect(clock.now()).toBe(2_501);
  });

  it('runs what is due in its order, at its time, and not what is not', async () => {
    const clock = new FakeClock(0);
    const ran: [string, number][] = [];
    for (const [name, delay] of [
      ['c', 30],
      ['a', 10],
      ['b', 10],
      ['d', 31],
    ] as const) {
      // prettier-ignore
      clock.after(delay, () => ran.push([name, clock.now()]));
    }
    await clock.advance(30);
    expect(ran).toEqual([
      ['a', 10],
      ['b', 10],
      ['c', 30],
    ]); // prettier-ignore
    await clock.advance(1);
    expect(ran.at(-1)).toEqual(['d', 31]);
  });

  it('runs what became due because of what ran, also after promises', async () => {
    const clock = new FakeClock(0);
    const ran: number[] = [];
    clock.after(10, async () => {
      await Promise.resolve();
      clock.after(10, () => ran.push(clock.now()));
    });
    await clock.advance(20);
    expect(ran).toEqual([20]);
  });

  it('does not run what was cancelled', async () => {
    const clock = new FakeClock(0);
    const ran: string[] = [];
    const cancel = clock.after(10, () => ran.push('a'));
    clock.after(5, () => cancel());
    await clock.advance(20);
    expect(ran).toEqual([]);
  });

  it('refuses to move by what is no duration, instead of standing still', async () => {
    await expect(new FakeClock().advance('5 minutes' as '5m')).rejects.toThrow(CacheOptionsError);
    await expect(new FakeClock().advance(-1)).rejects.toThrow(CacheOptionsError);
  });
});

describe('the module for tests', () => {
  it('has no jitter, and a clock that the test moves', async () => {
    const app = await Test.createTestingModule({ imports: [CacheTestingModule.forRoot({ ttl: '5m' })] }).compile();
    await app.init();
    const [cache, clock] = [app.get(CacheService), app.get(FakeClock)];
    await cache.set('a', 1);
    await clock.advance(5 * 60_000 - 1);
    expect(await cache.get('a')).toBe(1);
    await clock.advance(1);
    expect(await cache.get('a')).toBeUndefined();
    await app.close();
  });

  it('takes the clock it is given, and one of its own when that is undefined', async () => {
    for (const clock of [new FakeClock(5_000), undefined]) {
      const app = await Test.createTestingModule({
        imports: [CacheTestingModule.forRoot({ clock, ttl: '1s' })],
      }).compile();
      await app.init();
      const cache = app.get(CacheService);
      if (clock) expect(app.get(FakeClock)).toBe(clock);
      await cache.set('a', 1);
      await app.get(FakeClock).advance('1s');
      expect(await cache.get('a')).toBeUndefined();
      await app.close();
    }
  });
});
