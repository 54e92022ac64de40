import { existsSync } from 'node:fs';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { Redis } from 'ioredis';
import { databaseUrl, redisUrl, uniqueNamespace } from '../support/services.js';
import {
  canStartRedis,
  eventually,
  failure,
  hold,
  killAll,
  LOCAL_ONLY,
  leftOf,
  listens,
  ownServers,
  processesIn,
  query,
  services,
  start,
  stop,
} from './held-services.js';

jest.setTimeout(60_000);

afterEach(killAll);

describe('startServices()', () => {
  it('gives two runs at once servers and names of their own', async () => {
    const [one, two] = await Promise.all([hold(LOCAL_ONLY), hold(LOCAL_ONLY)]);
    const addresses = [...ownServers(one.services), ...ownServers(two.services)];
    expect(new Set(addresses).size).toBe(canStartRedis ? 4 : 2);
    expect(one.services.namespace).not.toBe(two.services.namespace);
    await stop(one.holder);
    expect(await query(two.services.databaseUrl, 'SELECT 1 AS answer')).toEqual([{ answer: 1 }]);
    await stop(two.holder);
  });

  it('leaves nothing after stop(): no listener, no process, no folder', async () => {
    const { holder, services } = await hold(LOCAL_ONLY);
    expect(services.origin.postgres).toBe('local');
    expect(existsSync(services.directory)).toBe(true);
    await stop(holder);
    expect(await leftOf(services)).toEqual([]);
  });

  it.each(['SIGKILL', 'SIGINT', 'SIGTERM'] as const)('leaves nothing after its process got %s', async (signal) => {
    const { holder, services } = await hold(LOCAL_ONLY);
    holder.kill(signal);
    await eventually(async () => (await leftOf(services)).length === 0, `an end of ${services.directory}`);
  });

  it('leaves nothing after its process was killed while the servers were still starting', async () => {
    const holder = start(LOCAL_ONLY);
    const directory = await new Promise<string>((resolve) => {
      holder.on('message', ({ line }: { line?: string }) => {
        const match = /^starting .* in (.+) \.\.\.$/.exec(line ?? '');
        if (match?.[1]) resolve(match[1]);
      });
    });
    holder.kill('SIGKILL');
    await eventually(() => !existsSync(directory) && processesIn(directory).length === 0, `an end of ${directory}`);
  });

  it('uses servers named by DATABASE_URL and REDIS_URL, takes a fresh database and leaves the rest alone', async () => {
    const redis = new Redis(redisUrl());
    const bystander = `${uniqueNamespace()}:bystander`;
    await redis.set(bystander, 'stays');
    const { holder, services } = await hold({ ...LOCAL_ONLY, DATABASE_URL: databaseUrl(), REDIS_URL: redisUrl() });
    expect(services.origin).toEqual({ postgres: 'env', redis: 'env' });
    expect(services.redisUrl).toBe(redisUrl());
    expect(new URL(services.databaseUrl).host).toBe(new URL(databaseUrl()).host);
    const database = new URL(services.databaseUrl).pathname.slice(1);
    expect(await query(services.databaseUrl, 'SELECT current_database() AS name')).toEqual([{ name: database }]);
    await redis.set(`${services.namespace}:key`, 'goes');

    await stop(holder);
    expect(await query(databaseUrl(), `SELECT datname FROM pg_database WHERE datname = '${database}'`)).toEqual([]);
    expect(await redis.mget(`${services.namespace}:key`, bystander)).toEqual([null, 'stays']);
    redis.disconnect();
  });

  it('drops the database of a run that was killed from a shared server', async () => {
    const { holder, services } = await hold({ ...LOCAL_ONLY, DATABASE_URL: databaseUrl(), REDIS_URL: redisUrl() });
    const database = new URL(services.databaseUrl).pathname.slice(1);
    holder.kill('SIGKILL');
    const left = () => query(databaseUrl(), `SELECT datname FROM pg_database WHERE datname = '${database}'`);
    await eventually(async () => (await left()).length === 0, `an end of ${database}`);
  });

  it('says which given URL does not answer, without its password, and what to do', async () => {
    const error = await failure({ ...LOCAL_ONLY, DATABASE_URL: 'postgresql://me:secret@127.0.0.1:1/shop' });
    expect(error).toMatch(/DATABASE_URL is set, but postgresql:\/\/me:\*\*\*@127\.0\.0\.1:1\/shop does not answer/);
    expect(error).toMatch(/unset it/);
    expect(error).not.toMatch(/secret/);
  });

  it('lists the ways out where there is no Redis server and none may be installed', async () => {
    const nothing = { REDIS_URL: undefined, PATH: '', STRATA_SERVICES_INSTALL: 'never' };
    const error = await failure({ ...LOCAL_ONLY, DATABASE_URL: databaseUrl(), ...nothing });
    for (const wayOut of [
      /REDIS_URL=redis:/,
      /docker-compose\.yml/,
      /apt-get install redis-server/,
      /brew install redis/,
    ])
      expect(error).toMatch(wayOut);
  });
});

describe('npm run services', () => {
  it('up keeps servers for all runs of the checkout, once, until down; the data stays', async () => {
    const home = await mkdtemp(join(tmpdir(), 'strata-up-'));
    await chmod(home, 0o711); // as in a checkout that the user of PostgreSQL can reach
    const env = { ...LOCAL_ONLY, STRATA_SERVICES_FOLDER: home };
    try {
      expect(await services('status', env)).toMatch(/PostgreSQL +not running/);
      const urls = await services('up', env);
      const url = /^DATABASE_URL=(.+)$/m.exec(urls)?.[1] ?? '';
      expect(urls).toMatch(/^DATABASE_URL=postgresql:.+\nREDIS_URL=redis:.+\n$/);
      expect(await services('up', env)).toBe(urls);
      expect(await services('status', env)).toMatch(/PostgreSQL +running \(pid \d+, 127\.0\.0\.1:\d+\)/);
      await query(url, 'CREATE TABLE kept AS SELECT 42 AS answer');

      const run = await hold(env);
      expect(run.services.origin).toEqual({ postgres: 'up', redis: canStartRedis ? 'up' : 'env' });
      expect(new URL(run.services.databaseUrl).host).toBe(new URL(url).host);
      await stop(run.holder);
      expect(await query(url, 'SELECT answer FROM kept')).toEqual([{ answer: 42 }]);

      await services('down', env);
      expect(await listens(url)).toBe(false);
      expect(processesIn(home)).toEqual([]);
      expect(await services('up', env)).toBe(urls); // on the same port again
      expect(await query(url, 'SELECT answer FROM kept')).toEqual([{ answer: 42 }]);
    } finally {
      await services('down', env);
      await rm(home, { recursive: true, force: true });
    }
  });
});
