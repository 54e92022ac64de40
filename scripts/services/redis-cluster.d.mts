// Types for the specs; redis-cluster.mjs says what each does.
import type { ChildProcess } from 'node:child_process';
import type { Redis } from 'ioredis';

export interface ClusterNode {
  readonly port: number;
  readonly address: { host: string; port: number };
  readonly admin: Redis;
  readonly alive: boolean;
  readonly process: ChildProcess | undefined;
  start(): void;
  stop(signal?: NodeJS.Signals): Promise<void>;
  myself(): Promise<{ id: string; master: boolean; slots: string[] }>;
}

export interface RedisClusterOptions {
  /** Whether each master has a replica. Default `true`. */
  replicas?: boolean;
  password?: string;
  /** How long a node may be silent before others take over, in ms. Default 1000. */
  nodeTimeout?: number;
  /** Further settings of all nodes. */
  settings?: Readonly<Record<string, string | number>>;
  /** Path of the server; `redis-server` if absent. */
  command?: string;
  folder?: string;
}

export class RedisCluster {
  static start(options?: RedisClusterOptions): Promise<RedisCluster>;
  readonly nodes: readonly ClusterNode[];
  readonly addresses: { host: string; port: number }[];
  masters(): Promise<ClusterNode[]>;
  ownerOf(slot: number): Promise<ClusterNode>;
  move(
    slots: readonly number[],
    to: ClusterNode,
    meanwhile?: (slot: number, state: 'begun' | 'moved') => unknown,
  ): Promise<void>;
  settled(): Promise<void>;
  end(): Promise<void>;
}
