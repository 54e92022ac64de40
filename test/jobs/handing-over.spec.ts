import { describe, expect, it } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import { Cacheable } from '../../src/index.js';
import { FakeClock } from '../../src/testing.js';
import { ask, settled, until, useJobs } from './world.js';

/** Which process loads, and how many of them at a time. */
const loading = { by: [] as string[], now: new Set<string>(), most: 0 };

@Injectable()
class Films {
  process = '';

  @Cacheable<Films['find']>({ key: (id) => ['film', id], ttl: '1h' })
  async find(id: number): Promise<string> {
    loading.by.push(this.process);
    loading.now.add(this.process);
    loading.most = Math.max(loading.most, loading.now.size);
    await settled();
    loading.now.delete(this.process);
    return `film ${id}`;
  }
}

const jobs = {
  lease: '2s' as const,
  sweep: { enabled: false },
  advise: { enabled: false },
  warm: { learnEvery: '100ms' as const },
};

describe('the work of the process that leads', () => {
  const world = useJobs();

  /** A process that stands still when its clock does: what a killed one looks like to the others. */
  async function startProcess(name: string) {
    const clock = new FakeClock();
    const app = await world.jobsApp({ providers: [Films], jobs, clock });
    app.get(Films).process = name;
    let alive = true;
    const run = async () => {
      for (let last = performance.now(); alive; ) {
        await new Promise((resolve) => setTimeout(resolve, 20));
        const now = performance.now();
        await clock.advance(now - last);
        last = now;
      }
    };
    const running = run();
    const kill = async () => {
      alive = false;
      await running;
    };
    world.later(kill);
    return { ...app, clock, films: app.get(Films), kill };
  }

  it('goes to another process within the lease when it is killed, and is never done by two', async () => {
    Object.assign(loading, { by: [], now: new Set(), most: 0 });
    const first = await startProcess('first');
    await until('it leads', async () => (await world.redis.keys(`${world.namespace}:l:*`)).length === 1);
    const second = await startProcess('second');
    for (let id = 0; id < 20; id++) await ask(2, () => first.films.find(id));
    await ask(3_000, () => first.films.find(1));
    await until('it is told', async () => (await world.redis.zcard(`{${world.namespace}:j}:popular`)) >= 20);
    loading.by = [];

    await second.cache.clear();
    await until('the first process has loaded', () => loading.by.length === 20);
    expect(new Set(loading.by)).toEqual(new Set(['first']));

    await first.kill();
    loading.by = [];
    await world.redis.del(...(await world.redis.keys(`${world.namespace}:e:*`)));
    const killed = performance.now();
    await second.cache.clear();
    await until('the second process loads', () => loading.by.includes('second'));
    // The lease of 2 s, half a second that a clear is waited for, and whatever a busy machine takes.
    expect(performance.now() - killed).toBeLessThan(20_000);
    expect(new Set(loading.by)).toEqual(new Set(['second']));

    // It comes back after a long pause, and finds out that it does not lead before it does anything.
    loading.by = [];
    await second.cache.clear();
    await first.clock.advance('30s');
    await until('the second process loads', () => loading.by.includes('second'));
    expect(new Set(loading.by)).toEqual(new Set(['second']));
    expect(loading.most).toBe(1);
  });
});
