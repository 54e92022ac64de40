// PostgreSQL and Redis of a run: processes of its own that it kills, stops and starts again, on the same ports with the
// same data.
import { chmod, mkdir, mkdtemp, readdir, rm, stat, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import pg from 'pg';
import { startPostgres } from '../../scripts/services/postgres.mjs';
import { isAlive } from '../../scripts/services/processes.mjs';
import { findRedisServer, startRedis } from '../../scripts/services/redis.mjs';
import { sleep, until } from './time.mjs';

/** @typedef {'postgres' | 'redis'} Kind */

export class Servers {
  /** @type {Partial<Record<Kind, { url: string, pid: number, stop(): Promise<void> }>>} */
  #running = {};
  #ports = {};
  #urls = {};
  #ended = false;
  #appendfsync = 'everysec';

  /** @param {string} folder @param {string} command */
  constructor(folder, command) {
    this.folder = folder;
    this.command = command;
  }

  /** @param {(line: string) => void} log */
  static async make(log) {
    const folder = await mkdtemp(join(tmpdir(), 'strata-chaos-'));
    await chmod(folder, 0o711); // Postgres may run as another user, who has to pass through
    for (const name of ['postgres', 'redis', 'logs', 'history']) await mkdir(join(folder, name));
    return new Servers(folder, await findRedisServer(log));
  }

  get databaseUrl() {
    return this.#urls.postgres;
  }

  get redisUrl() {
    return this.#urls.redis;
  }

  /** @param {Kind} kind */
  isUp(kind) {
    return this.#running[kind] !== undefined;
  }

  /** @param {Kind} kind */
  async start(kind) {
    for (let attempt = 1; !this.#ended; attempt++) {
      const server = await this.#launch(kind).catch((error) => {
        if (attempt >= 20) throw error;
      });
      if (server && (this.#ports[kind] ?? new URL(server.url).port) === new URL(server.url).port) {
        this.#ports[kind] = new URL(server.url).port;
        this.#urls[kind] = server.url;
        this.#running[kind] = server;
        break;
      }
      await server?.stop();
      await sleep(250); // after a kill the port, or Postgres' shared memory, may be taken a little longer
    }
    if (kind === 'redis') await this.setAppendfsync(this.#appendfsync);
  }

  #launch(kind) {
    const onSpawn = (server) => {
      this.#running[kind] = server;
      if (this.#ended) server.stop();
    };
    const preferredPort = Number(this.#ports[kind] ?? 0);
    const folder = join(this.folder, kind);
    // Durable: what is committed must survive the immediate shutdown that we order.
    return kind === 'redis'
      ? startRedis({ folder, command: this.command, preferredPort, onSpawn })
      : startPostgres({ folder, durable: true, preferredPort, onSpawn });
  }

  /**
   * @param {Kind} kind
   * @param {NodeJS.Signals} signal SIGKILL; for Postgres SIGINT (fast) or SIGQUIT (immediate: as after a crash)
   */
  async stop(kind, signal) {
    const server = this.#running[kind];
    if (!server) return;
    process.kill(server.pid, signal);
    if (!(await until(() => !isAlive(server.pid), 30_000, 10))) throw new Error(`${kind} does not end on ${signal}`);
    this.#running[kind] = undefined;
  }

  /** SIGSTOP and SIGCONT: it stands still, and connections stay. @param {Kind} kind @param {NodeJS.Signals} signal */
  signal(kind, signal) {
    const server = this.#running[kind];
    if (server) process.kill(server.pid, signal);
  }

  /** @param {'always' | 'everysec'} value also for later starts */
  async setAppendfsync(value) {
    this.#appendfsync = value;
    await this.withRedis((redis) => redis.config('SET', 'appendfsync', value));
  }

  /** Takes bytes off the end of the append-only file of a Redis that is down. */
  async cutAof(bytes) {
    const path = await this.#aof();
    const { size } = await stat(path);
    const left = Math.max(0, size - bytes);
    await truncate(path, left);
    return size - left;
  }

  /** How long the append-only file is now. @returns {Promise<{ path: string, size: number }>} */
  async lookAtAof() {
    const path = await this.#aof();
    return { path, size: (await stat(path)).size };
  }

  /** Takes a Redis that is down back to a moment of before; false if its file was written anew since. */
  async rewindAof({ path, size }) {
    if (path !== (await this.#aof()) || (await stat(path)).size < size) return false;
    await truncate(path, size);
    return true;
  }

  async #aof() {
    const folder = join(this.folder, 'redis', 'appendonlydir');
    const number = (name) => Number(/\.(\d+)\.incr\.aof$/.exec(name)?.[1]);
    const names = (await readdir(folder)).filter((name) => name.endsWith('.incr.aof'));
    return join(folder, names.sort((a, b) => number(a) - number(b)).at(-1));
  }

  /** @template T @param {(redis: Redis) => Promise<T>} work @returns {Promise<T>} */
  async withRedis(work) {
    const redis = new Redis(this.redisUrl, { maxRetriesPerRequest: 2 });
    redis.on('error', () => {});
    try {
      return await work(redis);
    } finally {
      redis.disconnect();
    }
  }

  /** @template T @param {(client: pg.Client) => Promise<T>} work @returns {Promise<T>} */
  async withPostgres(work) {
    const client = new pg.Client({ connectionString: this.databaseUrl });
    client.on('error', () => {});
    await client.connect();
    try {
      return await work(client);
    } finally {
      await client.end().catch(() => {});
    }
  }

  /** @param {{ keep: boolean }} options whether logs and histories stay to be read */
  async end({ keep }) {
    this.#ended = true;
    const stopped = Object.values(this.#running).map((server) => server?.stop());
    await Promise.allSettled(stopped);
    const gone = keep ? ['postgres', 'redis'].map((name) => join(this.folder, name)) : [this.folder];
    for (const path of gone) await rm(path, { recursive: true, force: true, maxRetries: 5 });
  }
}
