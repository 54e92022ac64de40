// Where the processes of a run have their Redis: one server, or a cluster.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { RedisCluster } from '../../scripts/services/redis-cluster.mjs';
import { RedisProxy } from '../lib/redis-proxy.mjs';

/**
 * @typedef {object} Line a way to Redis that can be taken from one process alone
 * @property {object} options of `redisTier`
 * @property {(...uses: import('../lib/redis-proxy.mjs').Use[]) => void} stall
 * @property {() => void} resume
 * @property {() => Promise<unknown>} stop
 */

/** One server. */
export class OneRedis {
  /** @param {import('../lib/servers.mjs').Servers} servers */
  constructor(servers) {
    this.servers = servers;
  }

  start() {
    return this.servers.start('redis');
  }

  get options() {
    return { url: this.servers.redisUrl };
  }

  /** @returns {Promise<Line>} */
  async line() {
    const proxy = await RedisProxy.start(this.servers.redisUrl);
    return {
      options: { url: proxy.url },
      stall: (...uses) => proxy.stall(...uses),
      resume: () => proxy.resume(),
      stop: () => proxy.stop(),
    };
  }

  /** Does something on every server that takes writes; answers the sum. */
  async each(work) {
    return Number(await this.servers.withRedis(work));
  }

  async end() {}
}

/** Three masters, each with a replica. */
export class ClusterOfRedis {
  /** @type {RedisCluster} */
  cluster;

  /** @param {import('../lib/servers.mjs').Servers} servers */
  constructor(servers) {
    this.servers = servers;
  }

  async start() {
    const { command } = this.servers;
    const folder = join(this.servers.folder, 'redis', 'cluster');
    await mkdir(folder, { recursive: true });
    this.cluster = await RedisCluster.start({ command, folder, settings: { appendonly: 'yes' } });
  }

  get options() {
    return { cluster: { nodes: this.cluster.addresses } };
  }

  /** A proxy for each node, under whose address the process finds it. @returns {Promise<Line>} */
  async line() {
    const natMap = {};
    const proxies = [];
    for (const { host, port } of this.cluster.addresses) {
      const proxy = await RedisProxy.start(`redis://${host}:${port}`);
      proxies.push(proxy);
      natMap[`${host}:${port}`] = { host: '127.0.0.1', port: Number(new URL(proxy.url).port) };
    }
    return {
      options: { cluster: { nodes: this.cluster.addresses, natMap } },
      stall(...uses) {
        for (const proxy of proxies) proxy.stall(...uses);
      },
      resume() {
        for (const proxy of proxies) proxy.resume();
      },
      stop: () => Promise.all(proxies.map((proxy) => proxy.stop())),
    };
  }

  /** Does something on every master; answers the sum. */
  async each(work) {
    const done = await Promise.all((await this.cluster.masters()).map(({ admin }) => work(admin)));
    return done.reduce((sum, one) => sum + (Number(one) || 0), 0);
  }

  async end() {
    await this.cluster?.end();
  }
}

export const PLACES = { standalone: OneRedis, cluster: ClusterOfRedis };
