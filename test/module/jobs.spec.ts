import { describe, expect, it } from '@jest/globals';
import { Module } from '@nestjs/common';
import { ScheduleModule, SchedulerRegistry } from '@nestjs/schedule';
import { CacheModule, CacheService } from '../../src/index.js';
import { CacheTestingModule, FakeClock } from '../../src/testing.js';
import { bootError, closeLater, startApp } from './app.js';

const quiet = { warm: { enabled: false }, advise: { enabled: false } };

describe('jobs in the SchedulerRegistry', () => {
  it('are intervals that the app can see by name, one set for each cache', async () => {
    const app = await startApp({
      imports: [ScheduleModule.forRoot(), CacheModule.forRoot(), CacheModule.register({ name: 'sessions' })],
    });
    const names = app.get(SchedulerRegistry).getIntervals();
    expect(names).toEqual(
      expect.arrayContaining(['nestjs-strata:lead', 'nestjs-strata:sweep', 'nestjs-strata:sweep:sessions']),
    );
  });

  it('are gone after the shutdown, and leave those of the app alone until then', async () => {
    const app = await startApp({ imports: [ScheduleModule.forRoot(), CacheModule.forRoot()] });
    const registry = app.get(SchedulerRegistry);
    registry.addInterval('mine', setInterval(() => undefined, 1e6).unref());
    await app.close();
    expect(registry.getIntervals()).toEqual([]);
  });

  it('do not keep the process alive', async () => {
    const app = await startApp({ imports: [ScheduleModule.forRoot(), CacheModule.forRoot()] });
    const registry = app.get(SchedulerRegistry);
    const kept = registry.getIntervals().filter((name) => (registry.getInterval(name) as NodeJS.Timeout).hasRef());
    expect(kept).toEqual([]);
  });

  it('work in an app without ScheduleModule, and for two apps in one process apart', async () => {
    const clocks = [new FakeClock(), new FakeClock()] as const;
    const apps = await Promise.all(
      clocks.map((clock) => startApp({ imports: [CacheModule.forRoot({ clock, jitter: 0, ttl: '1m' })] })),
    );
    for (const app of apps) await app.get(CacheService).set('k', 1);
    await clocks[0].advance('2m');
    expect(apps.map((app) => app.get(CacheService).stats().memory.entries)).toEqual([0, 1]);
  });

  it('are not there with jobs: { enabled: false }, nor those that are switched off alone', async () => {
    const off = await startApp({
      imports: [ScheduleModule.forRoot(), CacheModule.forRoot({ jobs: { enabled: false } })],
    });
    expect(off.get(SchedulerRegistry).getIntervals()).toEqual([]);
    const some = await startApp({
      imports: [ScheduleModule.forRoot(), CacheModule.forRoot({ jobs: { ...quiet, sweep: { enabled: false } } })],
    });
    expect(some.get(SchedulerRegistry).getIntervals()).toEqual(['nestjs-strata:lead']);
  });

  it('stop when the app deletes their interval', async () => {
    const app = await startApp({
      imports: [ScheduleModule.forRoot(), CacheTestingModule.forRoot({ ttl: '1m', jobs: {} })],
    });
    await app.get(CacheService).set('k', 1);
    app.get(SchedulerRegistry).deleteInterval('nestjs-strata:sweep');
    await app.get(FakeClock).advance('10m');
    expect(app.get(CacheService).stats().memory.entries).toBe(1);
  });

  it('refuse to start beside an interval of the same name, and say so', async () => {
    @Module({})
    class Taken {
      constructor(registry: SchedulerRegistry) {
        registry.addInterval('nestjs-strata:sweep', setInterval(() => undefined, 1e6).unref());
      }
    }
    const error = await bootError({ imports: [ScheduleModule.forRoot(), Taken, CacheModule.forRoot()] });
    expect(error.message).toContain('nestjs-strata:sweep');
  });

  it('report everything that is wrong in their options at once', async () => {
    const jobs = {
      lease: '1ms',
      sweep: { every: 'often', slices: 2 },
      warm: { keys: 0, concurrency: 1.5, wait: '2m' },
      advise: { hitRatio: 90 },
      swepe: {},
    };
    const error = await bootError({ imports: [CacheModule.forRoot({ jobs: jobs as never })] });
    expect(error.problems.map(({ option }) => option).sort()).toEqual([
      'jobs.advise.hitRatio',
      'jobs.lease',
      'jobs.sweep.every',
      'jobs.sweep.slices',
      'jobs.swepe',
      'jobs.warm.concurrency',
      'jobs.warm.keys',
      'jobs.warm.wait',
    ]);
  });

  it('close an app that is closed before it was started', async () => {
    const { Test } = await import('@nestjs/testing');
    const app = closeLater(await Test.createTestingModule({ imports: [CacheModule.forRoot()] }).compile());
    await app.close();
  });
});

describe('the sweep', () => {
  const sweeping = (options = {}) =>
    startApp({ imports: [CacheTestingModule.forRoot({ ttl: '1m', jobs: { ...quiet }, ...options })] });

  it('throws away what is over without anybody asking for it, and counts it', async () => {
    const app = await sweeping();
    const cache = app.get(CacheService);
    await cache.set('short', 1);
    await cache.set('long', 1, { ttl: '1h' });
    await app.get(FakeClock).advance('90s');
    expect(cache.stats().memory).toMatchObject({ entries: 1, swept: 1, evictions: 0 });
    expect(cache.peek('long')).toBe(1);
  });

  it('keeps what may still stand in for a load that fails', async () => {
    const app = await sweeping({ grace: '1h' });
    const cache = app.get(CacheService);
    await cache.set('k', 'old');
    await app.get(FakeClock).advance('30m');
    expect(await cache.getOrLoad('k', () => Promise.reject(new Error('down')))).toBe('old');
    await app.get(FakeClock).advance('40m');
    expect(cache.stats().memory.entries).toBe(0);
  });

  it('throws away what a tag or prefix has invalidated', async () => {
    const app = await sweeping({ ttl: '1d' });
    const cache = app.get(CacheService);
    await cache.set('a:1', 1, { tags: ['t'] });
    await cache.set('b:1', 1);
    await cache.set('c:1', 1);
    await cache.evict({ tags: ['t'] });
    await cache.evict({ prefix: 'b:' });
    await app.get(FakeClock).advance('1m');
    expect(cache.stats().memory).toMatchObject({ entries: 1, swept: 2 });
  });
});
