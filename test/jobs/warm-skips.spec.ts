import { describe, expect, it } from '@jest/globals';
import { Injectable, Scope } from '@nestjs/common';
import { Cacheable } from '../../src/index.js';
import { useLog } from './log.js';
import { ask, until, useJobs } from './world.js';

const jobs = { sweep: { enabled: false }, advise: { enabled: false } };

/** A service that was there before a deploy, and what a deploy makes of it. */
function serviceWith(options: { name?: string; method?: string; scope?: Scope; key?: (id: number) => unknown[] }) {
  const { name = 'Films', method = 'find', scope, key = (id: number) => ['film', id] } = options;
  const type = {
    [name]: class {
      loads = 0;
      async [method](id: number): Promise<string> {
        this.loads++;
        return `film ${id}`;
      }
    },
  }[name] as new () => { loads: number } & Record<string, (id: number) => Promise<string>>;
  const descriptor = Object.getOwnPropertyDescriptor(type.prototype, method) as PropertyDescriptor;
  Cacheable({ key })(type.prototype, method, descriptor);
  Object.defineProperty(type.prototype, method, descriptor);
  Injectable(scope === undefined ? {} : { scope })(type);
  return type;
}

describe('a warm-up after a deploy', () => {
  const world = useJobs();
  const log = useLog();

  /** What an app says that comes after one which was asked for film 1 often. */
  async function deployed(deploy: Parameters<typeof serviceWith>[0]): Promise<string[]> {
    const before = serviceWith({});
    const first = await world.jobsApp({ providers: [before], jobs });
    await ask(1_000, async () => first.get(before).find?.(1));
    await first.close();
    await world.jobsApp({ providers: [serviceWith(deploy)], jobs, schema: 2 });
    await until('it has ended', () => log.lines().some((line) => line.includes('Warm-up after start')));
    return log.lines();
  }

  it('loads what was learned', async () => {
    expect(await deployed({})).toContainEqual(
      expect.stringMatching(/Warm-up after start: 1 keys loaded, 0 were there, in /),
    );
  });

  it('skips a method that is gone, and says so', async () => {
    const lines = await deployed({ method: 'get' });
    expect(lines).toContainEqual(
      expect.stringMatching(/1 learned keys are not warmed: Films\.find is no @Cacheable method/),
    );
    expect(lines).toContainEqual(
      expect.stringMatching(/0 keys loaded, 0 were there, 1 cannot be loaded by themselves/),
    );
  });

  it('skips a method of a class that is made for each request, and says so', async () => {
    const lines = await deployed({ scope: Scope.REQUEST });
    expect(lines).toContainEqual(expect.stringMatching(/Films\.find belongs to a class that is made for each request/));
  });

  it('skips a method whose keys have changed, and says so', async () => {
    const lines = await deployed({ key: (id) => ['movie', id] });
    expect(lines).toContainEqual(expect.stringMatching(/a method makes another key of the same arguments now/));
  });

  it('names no keys and no arguments in the log', async () => {
    const lines = await deployed({ method: 'get' });
    expect(lines.filter((line) => /film:|~1/.test(line))).toEqual([]);
  });

  it('calls nothing but @Cacheable methods, whatever stands in Redis', async () => {
    const type = serviceWith({});
    let called = 0;
    Object.assign(type.prototype, { remove: () => called++ });
    const first = await world.jobsApp({ providers: [type], jobs });
    await ask(1_000, async () => first.get(type).find?.(1));
    await first.close();
    const names = `{${world.namespace}:j}`;
    await world.redis.hset(`${names}:recipes`, 'film:~1', JSON.stringify(['Films.remove', 'p[1]']));
    await world.redis.zincrby(`${names}:popular`, 50, 'film:~2');
    await world.redis.hset(`${names}:recipes`, 'film:~2', 'nonsense');
    await world.redis.zincrby(`${names}:popular`, 50, 'film:~3');
    await world.redis.hset(`${names}:recipes`, 'film:~3', JSON.stringify(['Films.find', 'p{nonsense']));
    const second = await world.jobsApp({ providers: [type], jobs, schema: 2 });
    await until('it has ended', () => log.lines().some((line) => line.includes('3 cannot be loaded')));
    expect(called).toBe(0);
    expect(second.get(type).loads).toBe(0);
  });
});
