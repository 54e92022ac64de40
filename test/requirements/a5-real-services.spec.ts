import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { useFilmsTable } from '../e2e/films-table.js';
import { useWorld } from '../e2e/world.js';
import { databaseUrl } from '../support/services.js';

describe('A5 end-to-end tests against real Postgres and Redis, with Docker and without', () => {
  const world = useWorld();
  const films = useFilmsTable();

  it('A5 the Postgres of the tests is a real one', async () => {
    const client = new pg.Client({ connectionString: databaseUrl() });
    await client.connect();
    const { rows } = await client.query<{ version: string }>('SELECT version()');
    await client.end();
    expect(rows[0]?.version).toMatch(/^PostgreSQL \d+/);
  });

  it('A5 the Redis of the tests is a real one, of a version that has what we need', async () => {
    const info = await world.redis.info('server');
    const version = /(?:valkey|redis)_version:(\d+)/.exec(info)?.[1];
    expect(Number(version)).toBeGreaterThanOrEqual(7);
  });

  it('A5 a value goes from Postgres through Redis to a second process, which asks Postgres nothing', async () => {
    await films.insert(1, 'Vertigo');
    const one = await world.app();
    const loaded = await one.cache.getOrLoad(['film', 1], () => films.find(1));
    await one.cache.idle();
    films.queries();
    const two = await world.app();
    expect(await two.cache.getOrLoad(['film', 1], () => films.find(1))).toEqual(loaded);
    expect(films.queries().reads).toBe(0);
    expect(await two.cache.getEntry(['film', 1])).toMatchObject({ tier: 'memory', source: 'load' });
  });

  it('A5 docker-compose.yml brings both, with health checks, for those who have Docker', () => {
    const compose = readFileSync('docker-compose.yml', 'utf8');
    for (const service of ['redis:', 'postgres:']) expect(compose).toContain(`\n  ${service}\n`);
    expect(compose.match(/healthcheck:/g)).toHaveLength(2);
    expect(compose).toContain('noeviction');
    expect(compose).toMatch(/appendonly.*yes/);
  });

  it('A5 the tests bring their servers themselves: no step but `npm test`', () => {
    const config = readFileSync('jest.config.mjs', 'utf8');
    expect(config).toContain('global-setup.mjs');
    expect(process.env.STRATA_TEST_SERVICES).toContain(databaseUrl());
  });
});
