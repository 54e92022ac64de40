// Questions to a server. A pid found in a file may by now belong to another program, and a port may have been taken by
// another server, so "is this one ours?" is always asked of the server itself: it tells its own pid.

import { randomBytes } from 'node:crypto';
import { Redis } from 'ioredis';
import pg from 'pg';

const CONNECT_TIMEOUT_MS = 5_000;

/**
 * @template T
 * @param {string} url
 * @param {(client: pg.Client) => Promise<T>} ask
 * @returns {Promise<T>}
 */
async function withPostgres(url, ask) {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: CONNECT_TIMEOUT_MS });
  client.on('error', () => {}); // a lost connection also rejects the query; without a listener it would end the process
  await client.connect();
  try {
    return await ask(client);
  } finally {
    await client.end().catch(() => {});
  }
}

/**
 * @template T
 * @param {string} url
 * @param {(client: Redis) => Promise<T>} ask
 * @returns {Promise<T>}
 */
async function withRedis(url, ask) {
  const client = new Redis(url, {
    lazyConnect: true,
    retryStrategy: () => null,
    maxRetriesPerRequest: 0,
    connectTimeout: CONNECT_TIMEOUT_MS,
    commandTimeout: CONNECT_TIMEOUT_MS,
  });
  /** @type {Error | undefined} */
  let reason;
  client.on('error', (error) => {
    reason = error;
  });
  try {
    await client.connect();
    return await ask(client);
  } catch (error) {
    throw reason ?? error; // "connect ECONNREFUSED ..." says more than "Connection is closed."
  } finally {
    // After the end a disconnect() would leave a timer of ioredis running for two seconds.
    if (client.status !== 'end') client.disconnect();
  }
}

/** Rejects when the server does not answer. What these two find works for servers that are not ours as well. */
export const answers = {
  /** @param {string} url */
  postgres: (url) => withPostgres(url, (client) => client.query('SELECT 1')),
  /** @param {string} url */
  redis: (url) => withRedis(url, (client) => client.ping()),
};

/** The pid of the server behind a URL, for servers we have started; undefined when nobody (or no such server) answers. */
export const serverPid = {
  /** @param {string} url */
  postgres: (url) =>
    withPostgres(url, async (client) => {
      const { rows } = await client.query("SELECT split_part(pg_read_file('postmaster.pid'), E'\\n', 1)::int AS pid");
      return /** @type {number} */ (rows[0].pid);
    }).catch(() => undefined),
  /** @param {string} url */
  redis: (url) =>
    withRedis(url, async (client) => Number(/process_id:(\d+)/.exec(await client.info('server'))?.[1])).catch(
      () => undefined,
    ),
};

/**
 * A database of its own on a server that may be shared.
 * @param {string} serverUrl
 * @param {string} name
 * @returns {Promise<string>} the URL of the new database
 */
export async function createDatabase(serverUrl, name) {
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  await withPostgres(serverUrl, async (client) => {
    const { rowCount } = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [name]);
    if (!rowCount) await client.query(`CREATE DATABASE ${client.escapeIdentifier(name)}`);
  }).catch((error) => {
    throw new Error(
      `Could not create the database "${name}" on ${withoutPassword(serverUrl)}: ${error.message}\n` +
        '  Give DATABASE_URL a role that may (ALTER ROLE ... CREATEDB), or unset it to get a server of our own.',
    );
  });
  return url.href;
}

/**
 * @param {string} serverUrl
 * @param {string} name
 */
export async function dropDatabase(serverUrl, name) {
  // FORCE ends connections that a killed test run has left behind.
  await withPostgres(serverUrl, (client) =>
    client.query(`DROP DATABASE IF EXISTS ${client.escapeIdentifier(name)} WITH (FORCE)`),
  );
}

/**
 * Deletes the keys of one run from a Redis that others use too: by name, in small steps, never by flushing.
 * @param {string} url
 * @param {string} namespace
 */
export async function deleteKeysOf(url, namespace) {
  await withRedis(url, async (client) => {
    for await (const keys of client.scanStream({ match: `*${namespace}*`, count: 1_000 })) {
      if (keys.length > 0) await client.unlink(...keys);
    }
  });
}

/** @returns {string} a name that no other run has; valid as a database name and as a Redis namespace */
export function randomName() {
  return `strata_${randomBytes(5).toString('hex')}`;
}

/**
 * A URL that may be shown in a log.
 * @param {string} url
 */
export function withoutPassword(url) {
  const shown = new URL(url);
  if (shown.password) shown.password = '***';
  return shown.href;
}
