// A Redis Cluster of its own: three masters on free ports, each with a replica. For tests and chaos, which kill its nodes and
// move its slots.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { freePort } from './processes.mjs';

/** Slots of the masters of a new cluster. */
const RANGES = [
  [0, 5_460],
  [5_461, 10_922],
  [10_923, 16_383],
];

/** How long a node may be silent before others take over. */
const NODE_TIMEOUT_MS = 1_000;

const SLOW_MS = 20_000;

/** One node: the same port and the same data whenever it is started. */
class ClusterNode {
  /** @type {import('node:child_process').ChildProcess | undefined} */
  process;

  constructor(cluster, folder, port, busPort) {
    Object.assign(this, { cluster, folder, port, busPort });
    const { password } = cluster.options;
    /** A connection for who looks after it. */
    this.admin = new Redis({
      host: '127.0.0.1',
      port,
      lazyConnect: true,
      retryStrategy: () => 20,
      maxRetriesPerRequest: null,
      ...(password && { password }),
    });
    this.admin.on('error', () => {}); // until it listens
  }

  get address() {
    return { host: '127.0.0.1', port: this.port };
  }

  get alive() {
    return this.process !== undefined;
  }

  start() {
    const { command, password, settings = {}, nodeTimeout = NODE_TIMEOUT_MS } = this.cluster.options;
    const all = {
      port: this.port,
      bind: '127.0.0.1',
      dir: this.folder,
      'cluster-enabled': 'yes',
      'cluster-port': this.busPort,
      'cluster-config-file': `nodes-${this.port}.conf`,
      'cluster-node-timeout': nodeTimeout,
      'cluster-replica-validity-factor': 0,
      'repl-diskless-sync-delay': 0,
      'repl-ping-replica-period': 1,
      save: '',
      appendfilename: `node-${this.port}.aof`,
      appenddirname: `aof-${this.port}`,
      dbfilename: `${this.port}.rdb`,
      ...(password && { requirepass: password, masterauth: password }),
      ...settings,
    };
    const args = Object.entries(all).flatMap(([name, value]) => [`--${name}`, `${value}`]);
    const child = spawn(command ?? 'redis-server', args, { stdio: 'ignore', detached: true });
    this.process = child;
    child.once('exit', () => {
      if (this.process === child) this.process = undefined;
    });
    child.on('error', () => {});
  }

  /** @param {NodeJS.Signals} [signal] */
  async stop(signal = 'SIGKILL') {
    const { process: child } = this;
    if (!child) return;
    const ended = once(child, 'exit');
    child.kill(signal);
    await ended;
    this.process = undefined;
  }

  /** What it says of itself: id, flags, and its slots. */
  async myself() {
    const text = String(await this.admin.call('CLUSTER', 'NODES'));
    const [id, , flags, , , , , , ...slots] = text
      .split('\n')
      .find((line) => line.includes('myself'))
      .split(' ');
    return { id, master: flags.includes('master'), slots: slots.filter((slot) => !slot.startsWith('[')) };
  }
}

export class RedisCluster {
  /** @type {ClusterNode[]} */
  nodes = [];
  #folder;

  constructor(options) {
    this.options = options;
  }

  static async start(options = {}) {
    const cluster = new RedisCluster({ replicas: true, ...options });
    try {
      await cluster.#start();
      return cluster;
    } catch (error) {
      await cluster.end();
      throw error;
    }
  }

  get addresses() {
    return this.nodes.map(({ address }) => address);
  }

  /** Those that are alive, masters, and have slots. */
  async masters() {
    const alive = this.nodes.filter((node) => node.alive);
    const all = await Promise.all(alive.map(async (node) => ({ node, ...(await node.myself()) })));
    return all.filter(({ master, slots }) => master && slots.length > 0).map(({ node }) => node);
  }

  /** The master of a slot, as the masters see it. @param {number} slot */
  async ownerOf(slot) {
    for (const node of await this.masters()) {
      const ranges = await node.admin.call('CLUSTER', 'SLOTS');
      const [, , master] = ranges.find(([from, to]) => from <= slot && slot <= to) ?? [];
      const owner = master && this.nodes.find(({ port }) => port === master[1]);
      if (owner) return owner;
    }
    throw new Error(`Nobody has slot ${slot}.`);
  }

  /**
   * Moves slots with all their keys, as redis-cli does. `meanwhile` is called while a slot is on its way: before its keys move,
   * and when they have moved.
   */
  async move(slots, to, meanwhile = () => {}) {
    const { id: target } = await to.myself();
    const { password } = this.options;
    for (const slot of slots) {
      const from = await this.ownerOf(slot);
      if (from === to) continue;
      const { id: source } = await from.myself();
      await to.admin.call('CLUSTER', 'SETSLOT', slot, 'IMPORTING', source);
      await from.admin.call('CLUSTER', 'SETSLOT', slot, 'MIGRATING', target);
      await meanwhile(slot, 'begun');
      for (;;) {
        const keys = await from.admin.call('CLUSTER', 'GETKEYSINSLOT', slot, 20);
        if (keys.length === 0) break;
        const auth = password ? ['AUTH', password] : [];
        await from.admin.call('MIGRATE', '127.0.0.1', to.port, '', 0, 5_000, 'REPLACE', ...auth, 'KEYS', ...keys);
      }
      await meanwhile(slot, 'moved');
      for (const node of [to, from]) await node.admin.call('CLUSTER', 'SETSLOT', slot, 'NODE', target);
    }
  }

  /** Waits until all that are alive say that all is well, and all replicas follow their masters. */
  async settled() {
    for (const node of this.nodes.filter(({ alive }) => alive)) {
      await waitFor('the cluster is in order', async () => {
        if (!/cluster_state:ok/.test(String(await node.admin.call('CLUSTER', 'INFO')))) return false;
        const info = await node.admin.info('replication');
        return /role:master/.test(info) || /master_link_status:up/.test(info);
      });
    }
  }

  async end() {
    for (const node of this.nodes) node.admin.disconnect();
    await Promise.all(this.nodes.map((node) => node.stop()));
    if (this.#folder) await rm(this.#folder, { recursive: true, force: true, maxRetries: 5 });
  }

  async #start() {
    const { replicas, folder } = this.options;
    this.#folder = folder ?? (await mkdtemp(join(tmpdir(), 'strata-cluster-')));
    for (let i = 0; i < (replicas ? 2 : 1) * RANGES.length; i++) {
      const node = new ClusterNode(this, this.#folder, await freePort(), await freePort());
      this.nodes.push(node);
      node.start();
      await node.admin.connect().catch(() => {});
      await node.admin.ping();
    }
    await this.#join();
  }

  async #join() {
    const { nodes } = this;
    const masters = nodes.slice(0, RANGES.length);
    const followers = nodes.slice(RANGES.length);
    const ids = await Promise.all(nodes.map(async (node) => (await node.myself()).id));
    for (const [i, { admin }] of nodes.entries()) {
      await admin.call('CLUSTER', 'SET-CONFIG-EPOCH', i + 1);
      if (RANGES[i]) await admin.call('CLUSTER', 'ADDSLOTSRANGE', ...RANGES[i]);
    }
    // Everybody to everybody: gossip would take seconds.
    for (const { admin } of nodes) {
      for (const { port, busPort } of nodes) await admin.call('CLUSTER', 'MEET', '127.0.0.1', port, busPort);
    }
    const view = async ({ admin }) => String(await admin.call('CLUSTER', 'NODES'));
    for (const node of nodes) {
      await waitFor('all nodes know each other', async () => {
        const text = await view(node);
        return ids.every((id) => text.includes(id)) && !text.includes('handshake');
      });
    }
    for (const [i, { admin }] of followers.entries()) await admin.call('CLUSTER', 'REPLICATE', ids[i]);
    await this.settled();
    // Masters who do not know of a replica would not vote for it.
    for (const node of masters) {
      await waitFor(
        'the replicas are known',
        async () => (await view(node)).match(/slave/g)?.length === followers.length || followers.length === 0,
      );
    }
  }
}

async function waitFor(what, condition) {
  const end = performance.now() + SLOW_MS;
  while (!(await condition().catch(() => false))) {
    if (performance.now() > end) throw new Error(`Did not happen within ${SLOW_MS} ms: ${what}.`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
