import { Redis, type RedisOptions } from 'ioredis';
import type { OptionProblem } from '../../../cache.errors.js';
import type { Milliseconds } from '../../../engine/duration.js';
import type { RedisLike } from '../redis-like.js';

/** A host and a port. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

/** How to reach what the cluster calls `host:port`, where its nodes are behind a translation of addresses. */
export type NatMap = Readonly<Record<string, Address>> | ((address: string) => Address | null | undefined);

/** A Redis Cluster. */
export interface ClusterPlace {
  /** Some nodes to ask where the others are: any of them, best from different machines. */
  nodes: readonly Address[];
  /** How to reach what the cluster calls `host:port`, as in ioredis. */
  natMap?: NatMap;
}

/** Where the nodes of a cluster are, and with which options ioredis connects to them. */
export interface NodePlace extends ClusterPlace {
  readonly clientOptions: RedisOptions;
  readonly connectTimeout: Milliseconds;
}

/** What we read from an app's own client: an ioredis `Cluster`. */
interface OwnCluster {
  isCluster?: boolean;
  startupNodes?: readonly unknown[];
  options?: { redisOptions?: RedisOptions; natMap?: NatMap; keyPrefix?: string };
}

export function isClusterClient(client: unknown): client is OwnCluster {
  return typeof client === 'object' && client !== null && (client as OwnCluster).isCluster === true;
}

/**
 * The place of an app's own cluster client. The client itself is not used: it sends commands again by itself, and later than
 * newer ones.
 */
export function placeOf({
  startupNodes = [],
  options = {},
}: OwnCluster): ClusterPlace & { clientOptions: RedisOptions } {
  const { redisOptions, natMap, keyPrefix } = options;
  return {
    nodes: startupNodes.map(addressOf),
    ...(natMap && { natMap }),
    clientOptions: { ...redisOptions, ...(keyPrefix && { keyPrefix }) },
  };
}

/** As ioredis takes them: `{ host, port }`, a port, or a URL. */
function addressOf(node: unknown): Address {
  if (typeof node === 'number') return { host: '127.0.0.1', port: node };
  if (typeof node === 'string') {
    const { hostname, port } = new URL(node.includes('://') ? node : `redis://${node}`);
    return { host: hostname || '127.0.0.1', port: Number(port || 6379) };
  }
  const { host = '127.0.0.1', port = 6379 } = (node ?? {}) as Partial<Address>;
  return { host, port: Number(port) };
}

/** Where a node is for us. */
export function translate({ natMap }: ClusterPlace, address: Address): Address {
  const name = `${address.host}:${address.port}`;
  return (typeof natMap === 'function' ? natMap(name) : natMap?.[name]) ?? address;
}

// The type lacks this option of ioredis, whose default would keep a process alive for two seconds after close().
const hidden = { disconnectTimeout: 100 };

/** A client of one node, not connected yet. What cannot be sent at once is not sent, and nothing is sent again by itself. */
export function nodeClient(place: NodePlace, address: Address, more: RedisOptions = {}): RedisLike {
  const { host, port } = translate(place, address);
  return new Redis({
    ...hidden,
    connectTimeout: place.connectTimeout,
    retryStrategy: (attempt) => Math.min(50 * 2 ** Math.min(attempt, 4), 1_000),
    ...place.clientOptions,
    lazyConnect: true,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    ...more,
    host,
    port,
  }) as unknown as RedisLike;
}

export function clusterProblems(cluster: ClusterPlace, clientOptions: RedisOptions | undefined): OptionProblem[] {
  const problems: OptionProblem[] = [];
  const isAddress = (node: unknown): boolean => {
    const { host, port } = (node ?? {}) as Partial<Address>;
    return typeof host === 'string' && host !== '' && Number.isInteger(port);
  };
  const { nodes, natMap } = cluster ?? {};
  if (!Array.isArray(nodes) || nodes.length === 0 || !nodes.every(isAddress)) {
    const remedy = "Write { nodes: [{ host: '10.0.0.1', port: 6379 }, ...] }: some nodes of the cluster.";
    problems.push({ option: 'redisTier.cluster', value: cluster, remedy });
  }
  if (natMap !== undefined && typeof natMap !== 'function' && !Object.values(natMap ?? {}).every(isAddress)) {
    const remedy =
      "Write { '10.0.0.1:6379': { host: 'localhost', port: 7000 } }, or a function that answers such an address.";
    problems.push({ option: 'redisTier.cluster.natMap', value: natMap, remedy });
  }
  const { keyPrefix = '', db = 0 } = clientOptions ?? {};
  if (/[{}]/.test(keyPrefix)) {
    const remedy = 'Use a prefix without braces: with them all keys would lie in one slot, on one master.';
    problems.push({ option: 'keyPrefix of the client', value: keyPrefix, remedy });
  }
  if (db !== 0) problems.push({ option: 'db of the client', value: db, remedy: 'A cluster has database 0 only.' });
  return problems;
}
