import { type Clock } from '../../../engine/clock.js';
import type { Milliseconds } from '../../../engine/duration.js';
import { Bus } from '../bus.js';
import type { RedisConnection } from '../connection.js';
import type { SubscribingRedis } from '../redis-like.js';
import { NodeChannels } from './channels.js';
import { type Address, type NodePlace, nodeClient } from './place.js';
import { CLUSTER_ECHO, PLAIN_ECHO } from './scripts.js';
import { ShardSubscriber } from './subscriber.js';
import type { ClusterNode } from './topology.js';
import type { NodeView } from './view.js';

export interface CacheNodeOptions {
  place: NodePlace;
  clock: Clock;
  bound: Milliseconds;
  /** What the process says to itself; `undefined`: without a bus. */
  echoName: string | undefined;
  onError(error: unknown): void;
  doubt(): void;
  onTrust(): void;
}

/** A master as a cache uses it: a connection for commands, and a bus. */
export class CacheNode implements ClusterNode {
  readonly id: string;
  readonly address: Address;
  readonly bus: Bus | undefined;
  private readonly subscriber: ShardSubscriber | undefined;
  private place: NodeChannels;
  private readonly doubt: () => void;

  constructor(
    public view: NodeView,
    readonly connection: RedisConnection,
    options: CacheNodeOptions,
  ) {
    this.id = view.id;
    this.address = { host: view.host, port: view.port };
    this.place = new NodeChannels(view);
    this.doubt = options.doubt;
    const { echoName, place, clock, bound, onError, onTrust, doubt } = options;
    if (echoName === undefined) return;
    const client = nodeClient(place, this.address, { autoResubscribe: false, keyPrefix: '' });
    const { keyPrefix } = connection;
    this.subscriber = new ShardSubscriber(
      client as typeof client & SubscribingRedis & { ssubscribe(channel: string): Promise<unknown> },
      {
        view,
        echoName,
        keyPrefix,
        onError,
        doubt,
      },
    );
    const say = (number: number, life: Milliseconds): Promise<unknown> => this.say(echoName, number, life);
    const { connectTimeout } = place;
    this.bus = new Bus(connection, this.subscriber, clock, { bound, connectTimeout, echoName, say, onTrust }, onError);
    void this.bus.start(false);
  }

  /** As it is called in reports. */
  get name(): string {
    return `${this.address.host}:${this.address.port}`;
  }

  get channels(): NodeChannels {
    return this.place;
  }

  /** The key by which a process is known to be alive on this master. */
  aliveKey(echoName: string): string | undefined {
    const { home } = this.place;
    return home === undefined ? undefined : `${echoName}:{${home}}`;
  }

  looked(): void {
    this.place = new NodeChannels(this.view);
    this.subscriber?.look(this.view);
  }

  async close(): Promise<void> {
    await this.bus?.close();
    await this.connection.close();
  }

  private say(echoName: string, number: number, life: Milliseconds): Promise<unknown> {
    const key = this.aliveKey(echoName);
    const channel = this.connection.keyPrefix + this.place.told(echoName);
    const script = this.place.sharded ? CLUSTER_ECHO : PLAIN_ECHO;
    const said = this.connection.run(script, key === undefined ? [] : [key], [number, life, channel]);
    said.catch(() => this.doubt());
    return said;
  }
}
