import { CacheUnavailableError } from '../../../cache.errors.js';
import type { Clock } from '../../../engine/clock.js';
import type { Milliseconds } from '../../../engine/duration.js';
import type { VersionSource } from '../../../engine/version.js';
import type { OpenedTier, RemoteTierContext, Trust } from '../../tier.js';
import type { ConnectionOptions } from '../connection.js';
import { RedisNames } from '../names.js';
import { RedisAtomics } from '../redis-atomics.js';
import { CacheNode } from './node.js';
import type { NodePlace } from './place.js';
import { ClusterRemote } from './remote.js';
import { Router } from './routing.js';
import { slotOf } from './slots.js';
import { Topology } from './topology.js';

export interface ClusterTierOptions {
  place: NodePlace;
  times: ConnectionOptions & { bound: Milliseconds; lossWindow: Milliseconds };
  bus: boolean;
  required: boolean;
  versions: VersionSource;
}

/** What the caches of an app share in a cluster: the masters, and the lease, which needs all of them. */
export class ClusterTier {
  private readonly contexts = new Set<RemoteTierContext>();
  private readonly topology: Topology<CacheNode>;
  private readonly trust: { until: Milliseconds; readonly bound: Milliseconds };

  constructor(
    namespace: string,
    private readonly clock: Clock,
    private readonly options: ClusterTierOptions,
  ) {
    const { place, times, bus, versions } = options;
    const { bound } = times;
    this.trust = { until: 0, bound };
    const onError = (error: unknown): void => this.failed('bus', error);
    const onTrust = (): void => this.weigh();
    const doubt = (): void => this.topology.doubt();
    const echoName = bus ? new RedisNames(namespace).echo(versions.start) : undefined;
    this.topology = new Topology<CacheNode>({
      ...{ place, times, clock },
      make: (view, connection) =>
        new CacheNode(view, connection, { place, clock, bound, echoName, onError, onTrust, doubt }),
      looked: (node) => node.looked(),
      end: (node) => node.close(),
      onError: (error) => this.failed('cluster', error),
    });
    this.topology.listen({ added: onTrust, removed: onTrust, changed: onTrust });
  }

  open(namespace: string, context: RemoteTierContext, released: () => Promise<void>): OpenedTier {
    this.contexts.add(context);
    const { clock, topology, options } = this;
    const keyPrefix = options.place.clientOptions.keyPrefix ?? '';
    const release = async (): Promise<void> => {
      this.contexts.delete(context);
      await released();
    };
    const { versions, times, bus } = options;
    const trust: Trust | undefined = bus ? this.trust : undefined;
    const own = { namespace, versions, lossWindow: times.lossWindow, keyPrefix, trust };
    const router = new Router(topology, (name) => slotOf(keyPrefix + name));
    return {
      remote: new ClusterRemote(topology, clock, own, context, release),
      atomics: new RedisAtomics(router, namespace),
      start: () => this.start(),
    };
  }

  close(): Promise<void> {
    return this.topology.close();
  }

  private async start(): Promise<boolean> {
    const there = await this.topology.connect();
    if (!there && this.options.required) {
      throw new CacheUnavailableError(
        'connect',
        new Error('redisTier is required and did not connect to all masters in time'),
      );
    }
    const nodes = [...this.topology.nodes.values()];
    const heard = await Promise.all(nodes.map(({ bus }) => bus?.start(there) ?? true));
    const deaf = nodes.filter((_node, i) => !heard[i]).map(({ name }) => name);
    if (there && deaf.length > 0) {
      const text = `What is published to ${deaf.join(', ')} is not heard: memory is not used until it is. May the user SSUBSCRIBE, SPUBLISH, SUBSCRIBE, PUBLISH and CLUSTER NODES (ACL: &* or the channels of the namespace)?`;
      this.failed('bus', new Error(text));
    }
    return there;
  }

  /** Memory is believed as long as what every master tells is heard; where a slot has none, nobody can tell. */
  private weigh(): void {
    let until = Number.POSITIVE_INFINITY;
    for (const { bus } of this.topology.nodes.values()) until = Math.min(until, bus?.until ?? 0);
    this.trust.until = this.topology.complete ? until : 0;
  }

  private failed(operation: string, error: unknown): void {
    for (const context of this.contexts) context.onError(operation, error);
  }
}
