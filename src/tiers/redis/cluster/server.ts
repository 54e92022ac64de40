import { Cluster, type ClusterOptions } from 'ioredis';
import { CacheUnavailableError } from '../../../cache.errors.js';
import type { Clock } from '../../../engine/clock.js';
import type { RemoteServer } from '../../tier.js';
import type { ConnectionOptions } from '../connection.js';
import type { Script } from '../script.js';
import { type NodePlace, translate } from './place.js';
import { Router } from './routing.js';
import { slotOf } from './slots.js';
import { type ClusterNode, Topology } from './topology.js';

/** The masters of a cluster for write-behind: connections of its own, and cluster clients for BullMQ. */
export class ClusterServer implements RemoteServer {
  readonly keyPrefix: string;
  private readonly topology: Topology<ClusterNode>;
  private readonly router: Router;

  constructor(
    private readonly place: NodePlace,
    clock: Clock,
    times: ConnectionOptions,
  ) {
    this.keyPrefix = place.clientOptions.keyPrefix ?? '';
    this.topology = new Topology<ClusterNode>({
      ...{ place, times, clock },
      make: (view, connection) => ({ id: view.id, address: { host: view.host, port: view.port }, connection, view }),
      looked: () => {},
      end: ({ connection }) => connection.close(),
      onError: () => {}, // each command tells what is wrong
    });
    this.router = new Router(this.topology, (name) => this.slotOf(name));
  }

  get ready(): boolean {
    return this.topology.ready;
  }

  connect(): Promise<boolean> {
    return this.topology.connect();
  }

  send(command: string, args: readonly (string | number)[]): Promise<unknown> {
    return this.router.send(command, args);
  }

  async askFor(key: string, command: string, args: readonly (string | number)[]): Promise<unknown> {
    return this.topology.nodeOf(this.slotOf(key)).connection.send(command, args);
  }

  async askAll(command: string, args: readonly (string | number)[]): Promise<unknown[]> {
    if (!this.topology.connected) {
      throw new CacheUnavailableError(command, new Error('there is no connection to some master of the cluster'));
    }
    return Promise.all([...this.topology.nodes.values()].map(({ connection }) => connection.send(command, args)));
  }

  run(script: Script, keys: readonly string[], args: readonly (string | number)[], ordered = false): Promise<unknown> {
    return this.router.run(script, keys, args, ordered);
  }

  together(send: () => void): void {
    this.router.together(send);
  }

  /** A cluster client: `options` are those of its connections. */
  duplicate(options: Readonly<Record<string, unknown>>): unknown {
    const { enableOfflineQueue = true, keyPrefix = '', ...rest } = options;
    const { place } = this;
    const { keyPrefix: _own, ...clientOptions } = place.clientOptions;
    const cluster: ClusterOptions = {
      enableOfflineQueue: enableOfflineQueue !== false,
      clusterRetryStrategy: (attempt) => Math.min(50 * 2 ** Math.min(attempt, 5), 1_000),
      slotsRefreshTimeout: place.connectTimeout,
      lazyConnect: true,
      ...(keyPrefix !== '' && { keyPrefix: String(keyPrefix) }),
      ...(place.natMap && { natMap: place.natMap as NonNullable<ClusterOptions['natMap']> }),
      redisOptions: { ...clientOptions, connectTimeout: place.connectTimeout, ...rest },
    };
    return new Cluster([...place.nodes.map((node) => ({ ...translate(place, node) }))], cluster);
  }

  close(): Promise<void> {
    return this.topology.close();
  }

  private slotOf(name: string): number {
    return slotOf(this.keyPrefix + name);
  }
}
