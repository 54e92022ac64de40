import { describe, expect, it } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import { Cacheable } from '../../src/index.js';
import { ask, settled, until, useJobs } from './world.js';

@Injectable()
class Films {
  loads: unknown[][] = [];
  answer = (id: number): Promise<string> => Promise.resolve(`film ${id}`);

  @Cacheable<Films['find']>({ key: (id) => ['film', id], ttl: '10m', tags: (id) => [`film-${id}`] })
  find(id: number): Promise<string> {
    this.loads.push([id]);
    return this.answer(id);
  }

  @Cacheable<Films['search']>({ key: (text) => ['search', text.length] })
  async search(text: string): Promise<string> {
    return text;
  }

  @Cacheable<Films['secret']>({ key: (id) => ['secret', id], warm: false })
  async secret(id: number): Promise<number> {
    return id;
  }

  @Cacheable<Films['told']>({ key: ({ text }) => ['told', text.length], warm: true })
  async told({ text }: { text: string; at: Date }): Promise<string> {
    return text;
  }
}

const jobs = { sweep: { enabled: false }, advise: { enabled: false } };

describe('warm-up in one process', () => {
  const world = useJobs();

  it('loads popular keys before they expire, with the arguments they were asked with', async () => {
    const app = await world.jobsApp({ url: false, providers: [Films], jobs });
    const films = app.get(Films);
    await ask(5_000, () => films.find(1));
    await films.find(2);
    expect(films.loads).toEqual([[1], [2]]);
    await app.clock.advance('595s');
    expect(films.loads).toEqual([[1], [2], [1]]);
    await app.clock.advance('60s');
    expect(app.cache.peek(['film', 1])).toBe('film 1');
    expect(app.cache.stats().misses).toBe(2);
  });

  it('loads popular keys again after a clear', async () => {
    const app = await world.jobsApp({ url: false, providers: [Films], jobs });
    const films = app.get(Films);
    await ask(1_000, () => films.find(1));
    await app.cache.clear();
    await app.clock.advance('1s');
    expect(app.cache.peek(['film', 1])).toBe('film 1');
    expect(films.loads).toEqual([[1], [1]]);
  });

  it('does not store a value that was evicted, by key or by tag, while it was loaded ahead', async () => {
    const app = await world.jobsApp({ url: false, providers: [Films], jobs });
    const films = app.get(Films);
    for (const target of [['film', 1], { tags: ['film-1'] }]) {
      await ask(1_000, () => films.find(1));
      let finish = (_row: string): void => undefined;
      films.answer = () => new Promise((resolve) => (finish = resolve));
      await app.cache.clear();
      await app.clock.advance('1s');
      await app.cache.evict(target);
      finish('old');
      await settled();
      expect(app.cache.peek(['film', 1])).toBeUndefined();
      films.answer = async () => 'new';
      expect(await films.find(1)).toBe('new');
    }
  });

  it('leaves what is there alone when a load ahead fails, and tries again no more than twice in a life', async () => {
    const app = await world.jobsApp({ url: false, providers: [Films], jobs, grace: '1h' });
    const films = app.get(Films);
    await ask(5_000, () => films.find(1));
    films.answer = () => Promise.reject(new Error('down'));
    await app.clock.advance('595s');
    expect(films.loads).toHaveLength(2);
    expect(app.cache.peek(['film', 1])).toBe('film 1');
    expect(app.cache.stats().stale).toBe(0);
    await app.clock.advance('60s');
    expect(films.loads).toHaveLength(2);
  });

  it('keeps the keys of a loader warm, and those that the options or a decorator name', async () => {
    @Injectable()
    class Texts {
      @Cacheable<Texts['of']>({ key: (language) => ['texts', language], warm: { always: [['en'], ['de']] } })
      async of(language: string): Promise<string> {
        return `texts in ${language}`;
      }
    }
    const warm = { always: [['settings', 1]] };
    const app = await world.jobsApp({ url: false, providers: [Texts], jobs: { ...jobs, warm } });
    app.cache.loader('settings:', async (key) => `loaded ${key}`, { ttl: '1h' });
    app.cache.loader('news:', async (key) => key);
    await ask(5_000, () => app.cache.getOrLoad(['news', 1], async () => 'by a caller'));
    await app.clock.advance('10s');
    expect(app.cache.peek(['texts', 'en'])).toBe('texts in en');
    expect(app.cache.peek(['texts', 'de'])).toBe('texts in de');
    expect(app.cache.peek(['settings', 1])).toBe('loaded settings:~1');
    await app.clock.advance('5m');
    expect(app.cache.peek(['news', 1])).toBe('news:~1');
  });

  it('takes no more than its time, and loads a few at a time', async () => {
    const options = { ...jobs, warm: { concurrency: 2, timeLimit: '10s' as const } };
    const app = await world.jobsApp({ url: false, providers: [Films], jobs: options });
    const films = app.get(Films);
    for (let id = 0; id < 6; id++) await ask(3, () => films.find(id));
    // The third request for a key is a hit in memory, of which few are counted: what is loaded counts.
    await app.cache.clear();
    for (let id = 0; id < 6; id++) await films.find(id);
    films.loads = [];
    const waiting: (() => void)[] = [];
    films.answer = (id) => new Promise((resolve) => waiting.push(() => resolve(`film ${id}`)));
    await app.cache.clear();
    await app.clock.advance('1s');
    expect(films.loads).toHaveLength(2);
    await app.clock.advance('11s');
    for (const finish of waiting) finish();
    await settled();
    expect(films.loads).toHaveLength(2);
  });

  it('stops with the app, and waits for what is being loaded', async () => {
    const app = await world.jobsApp({ url: false, providers: [Films], jobs });
    const films = app.get(Films);
    await ask(1_000, () => films.find(1));
    let finish = (_row: string): void => undefined;
    films.answer = () => new Promise((resolve) => (finish = resolve));
    await app.cache.clear();
    await app.clock.advance('1s');
    let closed = false;
    const closing = app.close().then(() => (closed = true));
    await settled();
    expect(closed).toBe(false);
    finish('film');
    await closing;
  });
});

describe('warm-up with Redis', () => {
  const world = useJobs();

  it('remembers what was asked for, and loads it in the next process when it is gone', async () => {
    const first = await world.jobsApp({ providers: [Films], jobs });
    await ask(2_000, () => first.get(Films).find(7));
    await first.close();
    // Another schema: a deploy that changed what values look like.
    const films = (await world.jobsApp({ providers: [Films], jobs, schema: 2 })).get(Films);
    await until('the key is loaded', () => films.loads.length > 0);
    expect(films.loads).toEqual([[7]]);
  });

  it('is over before the app takes requests, if it is to wait for that', async () => {
    const first = await world.jobsApp({ providers: [Films], jobs });
    await ask(2_000, () => first.get(Films).find(7));
    await first.close();
    const waiting = { ...jobs, warm: { wait: '1m' as const } };
    const leader = await world.jobsApp({ providers: [Films], jobs: waiting, schema: 2 });
    expect(leader.get(Films).loads).toEqual([[7]]);
    expect(await leader.cache.get(['film', 7])).toBe('film 7');
    // Another process has little to do: what Redis has comes into its memory.
    const other = await world.jobsApp({ providers: [Films], jobs: waiting, schema: 2 });
    await until('memory has it', () => other.cache.peek(['film', 7]) === 'film 7');
    expect(other.cache.stats().requests).toBe(0);
    expect(other.get(Films).loads).toEqual([]);
  });

  it('is waited for no longer than said, and goes on after that', async () => {
    const first = await world.jobsApp({ providers: [Films], jobs });
    await ask(2_000, () => first.get(Films).find(7));
    await first.close();
    const films = new Films();
    let finish = (_row: string): void => undefined;
    films.answer = () => new Promise((resolve) => (finish = resolve));
    const provider = { provide: Films, useValue: films };
    const app = await world.jobsApp({ providers: [provider], jobs: { ...jobs, warm: { wait: 50 } }, schema: 2 });
    await until('it is being loaded', () => films.loads.length === 1);
    expect(app.cache.peek(['film', 7])).toBeUndefined();
    finish('late');
    await until('it is stored', () => app.cache.peek(['film', 7]) === 'late');
  });

  it('brings into memory what Redis has already, without loading it', async () => {
    const first = await world.jobsApp({ providers: [Films], jobs });
    await ask(2_000, () => first.get(Films).find(7));
    await first.close();
    const second = await world.jobsApp({ providers: [Films], jobs });
    await until('memory has it', () => second.cache.peek(['film', 7]) !== undefined);
    expect(second.get(Films).loads).toEqual([]);
    expect(second.cache.stats().requests).toBe(0);
  });

  it('replaces a fresh value in Redis only if nobody changed it meanwhile', async () => {
    const app = await world.jobsApp({ providers: [Films], jobs: { ...jobs, lease: '1h' } });
    const other = await world.jobsApp({ providers: [Films], jobs: { enabled: false }, clock: app.clock });
    const films = app.get(Films);
    await ask(5_000, () => films.find(1));
    await app.cache.idle();
    await until('it leads', async () => (await world.redis.keys(`${world.namespace}:l:*`)).length === 1);
    let finish = (_row: string): void => undefined;
    films.answer = () => new Promise((resolve) => (finish = resolve));
    await app.clock.advance('10s');
    await until('it is told', async () => (await world.redis.exists(`{${world.namespace}:j}:popular`)) === 1);
    await app.clock.advance('580s');
    await until('it is being loaded', () => films.loads.length === 2);
    await other.cache.set(['film', 1], 'put by another process');
    finish('old');
    await app.cache.idle();
    expect(await other.cache.get(['film', 1])).toBe('put by another process');
    await until('it is heard', async () => (await app.cache.get(['film', 1])) === 'put by another process');
  });

  it('keeps no arguments in Redis that the key does not show, unless the method says so', async () => {
    const app = await world.jobsApp({ providers: [Films], jobs });
    const films = app.get(Films);
    await ask(1_000, async () => {
      await films.search('password');
      await films.secret(5);
      await films.find(1);
      await films.told({ text: 'no secret', at: new Date(5) });
    });
    await app.close();
    const recipes = await world.redis.hgetall(`{${world.namespace}:j}:recipes`);
    expect(Object.keys(recipes).sort()).toEqual(['film:~1', 'told:~9']);
    expect(recipes['told:~9']).toContain('Films.told');
  });

  it('forgets with time, and keeps no more than it is to remember', async () => {
    const warm = { keys: 10, halfLife: '10m' as const, learnEvery: '1s' as const };
    const app = await world.jobsApp({ providers: [Films], jobs: { ...jobs, warm } });
    const films = app.get(Films);
    for (let id = 0; id < 50; id++) await ask(id < 5 ? 2_000 : 1, () => films.find(id));
    await app.pass(2);
    const name = `{${world.namespace}:j}:popular`;
    const before = await world.redis.zscore(name, 'film:~1');
    await app.pass(70);
    await until('it is aged', async () => Number(await world.redis.zscore(name, 'film:~1')) < Number(before));
    expect(await world.redis.zcard(name)).toBeLessThanOrEqual(20);
  });
});
