import { CacheOptionsError, CacheUnavailableError, type OptionProblem } from '../../cache.errors.js';
import type { Clock } from '../../engine/clock.js';
import { DURATION_REMEDY, type Duration, type Milliseconds, parseDuration } from '../../engine/duration.js';
import { VersionSource } from '../../engine/version.js';
import type { OpenedTier, RemoteServer, RemoteTierContext, RemoteTierFactory } from '../tier.js';
import { Bus } from './bus.js';
import { newClient, newSubscriber, type RedisPlace, type SentinelPlace } from './client.js';
import { clusterProblems, isClusterClient, type NodePlace, placeOf } from './cluster/place.js';
import { ClusterServer } from './cluster/server.js';
import { ClusterTier } from './cluster/tier.js';
import { RedisConnection } from './connection.js';
import { RedisNames } from './names.js';
import { RedisAtomics } from './redis-atomics.js';
import { RedisRemote } from './redis-remote.js';
import { RedisServer } from './redis-server.js';
import { Subscriber } from './subscriber.js';
import { INVALIDATIONS, Tracking } from './tracking.js';

/** Where Redis is, and how long to wait for it. Needs Redis 7.0 or later (or Valkey), and `ioredis` 5 or 6. */
export interface RedisTierOptions extends RedisPlace {
  /** Whether the app refuses to start when the first try to connect fails. Default `false`: it starts, and uses Redis when it comes. */
  required?: boolean;
  /** A command that is not answered within this time counts as failed: a read becomes a miss. Default `'500ms'`. */
  commandTimeout?: Duration;
  /** How long the start of the app waits for the first connection. Default `'2s'`. */
  connectTimeout?: Duration;
  /**
   * Longest time for which this process may answer from memory with what another process has changed; also when connections
   * break or processes stand still. Each process sends Redis one small script every quarter of it. Without Redis a value
   * that was loaded here is served from memory for this long. Default `'2s'`.
   */
  bound?: Duration;
  /**
   * How changes of others are heard. Default `'pubsub'` (or `true`): what other processes of the app change. `'tracking'`: also
   * what other programs do to entries and markers in Redis, keys that Redis expires or evicts, and `FLUSHALL`; the server
   * remembers for it what this process has read (`CLIENT TRACKING`). `false`: changes of other processes are not heard and own
   * ones not told. For an app that runs as one process only: with several, memory would show what others have changed until
   * `ttl` or `memory.ttl`.
   */
  bus?: BusKind | boolean;
  /**
   * How much of its last writes a Redis that restarts or fails over may lose: the fsync interval or the lag of a replica.
   * Invalidations of that time before the connection broke are made again. Default `'2s'`; `0`: none.
   */
  lossWindow?: Duration;
  /** After five commands in a row without an answer: how long Redis is left alone before one command tries again. Default `'1s'`. */
  breakerPause?: Duration;
}

/** How processes hear of changes: see `RedisTierOptions.bus`. */
export type BusKind = (typeof BUSES)[number];

const BUSES = ['pubsub', 'tracking'] as const;

/** The Redis tier for `CacheModule.forRoot({ redis: redisTier({ url }) })`. One connection serves all caches of the app. */
export function redisTier(options: RedisTierOptions): RemoteTierFactory {
  return new RedisTier(options);
}

/** Where the nodes are, if it is a cluster that the options name. */
function clusterOf(
  { cluster, client, clientOptions }: RedisTierOptions,
  connectTimeout: Milliseconds,
): NodePlace | undefined {
  if (cluster) return { ...cluster, clientOptions: { ...clientOptions }, connectTimeout };
  return isClusterClient(client) ? { ...placeOf(client), connectTimeout } : undefined;
}

type TimeName = 'commandTimeout' | 'connectTimeout' | 'breakerPause' | 'bound' | 'lossWindow';

const TIMES: Record<TimeName, Milliseconds> = {
  commandTimeout: 500,
  connectTimeout: 2_000,
  breakerPause: 1_000,
  bound: 2_000,
  lossWindow: 2_000,
};

/** What the caches of an app share. */
interface Shared {
  connection: RedisConnection;
  bus: Bus | undefined;
}

class RedisTier implements RemoteTierFactory {
  private shared: Shared | undefined;
  private cluster: ClusterTier | undefined;
  private users = 0;
  private readonly times = { ...TIMES };
  private readonly contexts = new Set<RemoteTierContext>();
  private readonly versions = new VersionSource();

  constructor(private readonly options: RedisTierOptions) {
    const problems: OptionProblem[] = [];
    for (const name of Object.keys(TIMES) as TimeName[]) {
      if (options[name] === undefined) continue;
      const parsed = parseDuration(options[name]);
      if (parsed !== undefined && (parsed > 0 || name === 'lossWindow')) this.times[name] = parsed;
      else problems.push({ option: `redisTier.${name}`, value: options[name], remedy: DURATION_REMEDY });
    }
    if (options.bus !== undefined && typeof options.bus !== 'boolean' && !BUSES.includes(options.bus)) {
      problems.push({
        option: 'redisTier.bus',
        value: options.bus,
        remedy: "Use 'pubsub' (default), 'tracking' or false.",
      });
    }
    if (options.bus === 'tracking' && (options.cluster || isClusterClient(options.client))) {
      const remedy = "In a cluster use 'pubsub' (default): a master does not tell what becomes of keys that move away.";
      problems.push({ option: 'redisTier.bus', value: options.bus, remedy });
    }
    if (options.bus !== false && options.client && typeof options.client.duplicate !== 'function') {
      const remedy =
        'The bus needs a second connection: pass a client of ioredis 5 or 6 (it has duplicate()), or bus: false.';
      problems.push({ option: 'redisTier.client', value: '[client]', remedy });
    }
    problems.push(...placeProblems(options));
    if (problems.length > 0) throw new CacheOptionsError(problems, 'redisTier() is called wrongly');
  }

  open(namespace: string, clock: Clock, context: RemoteTierContext): OpenedTier {
    this.users++;
    const place = clusterOf(this.options, this.times.connectTimeout);
    if (place) return this.openCluster(place, namespace, clock, context);
    this.contexts.add(context);
    this.shared ??= this.connect(namespace, clock);
    const { shared } = this;
    const { connection, bus } = shared;
    const release = (): Promise<void> => this.release(context);
    const options = { namespace, versions: this.versions, lossWindow: this.times.lossWindow };
    const remote = new RedisRemote(connection, bus, clock, options, context, release);
    return { remote, atomics: new RedisAtomics(connection, namespace), start: () => this.start(shared) };
  }

  server(clock: Clock, commandTimeout: Milliseconds): RemoteServer {
    const times = { ...this.times, commandTimeout };
    const place = clusterOf(this.options, times.connectTimeout);
    return place ? new ClusterServer(place, clock, times) : new RedisServer(this.options, clock, times);
  }

  private openCluster(place: NodePlace, namespace: string, clock: Clock, context: RemoteTierContext): OpenedTier {
    const { times, versions, options } = this;
    const { required = false } = options;
    const bus = options.bus !== false;
    this.cluster ??= new ClusterTier(namespace, clock, { place, times, versions, bus, required });
    const own = this.cluster;
    return own.open(namespace, context, async () => {
      if (--this.users > 0) return;
      this.cluster = undefined;
      await own.close();
    });
  }

  private async start({ connection, bus }: Shared): Promise<boolean> {
    const there = await connection.connect();
    if (!there && this.options.required) {
      throw new CacheUnavailableError('connect', new Error('redisTier is required and did not connect in time'));
    }
    const heard = await bus?.start(there);
    if (there && heard === false) {
      this.failed(
        new Error(
          `What is published to Redis is not heard: memory is not used until it is. May the user SUBSCRIBE and PUBLISH (ACL: &* or the channels of the namespace)?${this.tracks ? ` With bus: 'tracking' also CLIENT and INFO (ACL: +client +info &${INVALIDATIONS})?` : ''}`,
        ),
      );
    }
    return there;
  }

  private connect(namespace: string, clock: Clock): Shared {
    const { client } = this.options;
    const connection = client
      ? new RedisConnection(client, false, clock, this.times)
      : new RedisConnection(newClient(this.options, this.times.connectTimeout), true, clock, this.times);
    return { connection, bus: this.options.bus === false ? undefined : this.listen(connection, namespace, clock) };
  }

  private listen(connection: RedisConnection, namespace: string, clock: Clock): Bus {
    const onError = (error: unknown): void => this.failed(error);
    const subscriber = new Subscriber(
      newSubscriber(this.options, this.times.connectTimeout),
      onError,
      connection.keyPrefix,
      this.tracks,
    );
    const tracking = this.tracks ? new Tracking(connection, subscriber) : undefined;
    const echoName = new RedisNames(namespace).echo(this.versions.start);
    const { bound, connectTimeout } = this.times;
    return new Bus(connection, subscriber, clock, { bound, connectTimeout, echoName }, onError, tracking);
  }

  private get tracks(): boolean {
    return this.options.bus === 'tracking';
  }

  private failed(error: unknown): void {
    for (const context of this.contexts) context.onError('bus', error);
  }

  private async release(context: RemoteTierContext): Promise<void> {
    this.contexts.delete(context);
    if (--this.users > 0) return;
    const { shared } = this;
    this.shared = undefined;
    await shared?.bus?.close();
    await shared?.connection.close();
  }
}

function placeProblems({ url, sentinel, cluster, client, clientOptions }: RedisTierOptions): OptionProblem[] {
  if ([url, sentinel, cluster, client].filter((place) => place !== undefined).length !== 1) {
    const remedy =
      "Pass one of url: 'redis://localhost:6379', sentinel: { name, sentinels }, cluster: { nodes }, or client: an ioredis client.";
    return [{ option: 'redisTier', value: { url, sentinel, cluster, client: client && '[client]' }, remedy }];
  }
  if (cluster !== undefined) return clusterProblems(cluster, clientOptions);
  if (isClusterClient(client)) {
    const place = placeOf(client);
    return clusterProblems(place, place.clientOptions);
  }
  if (sentinel !== undefined && !isSentinel(sentinel)) {
    const remedy = "Write { name: 'mymaster', sentinels: [{ host: '10.0.0.1', port: 26379 }, ...] }.";
    return [{ option: 'redisTier.sentinel', value: sentinel, remedy }];
  }
  if (url !== undefined && !/^rediss?:\/\/\S+$/.test(url)) {
    return [
      {
        option: 'redisTier.url',
        value: url.replace(/^.*@/, '***@'),
        remedy: "Write 'redis://host:6379' or 'rediss://...' for TLS.",
      },
    ];
  }
  if (client !== undefined && typeof client.callBuffer !== 'function') {
    return [{ option: 'redisTier.client', value: client, remedy: 'Pass a client of ioredis 5 or 6: new Redis(...).' }];
  }
  return [];
}

function isSentinel(place: SentinelPlace): boolean {
  const { name, sentinels } = place ?? {};
  const isNode = (node: unknown): boolean => {
    const { host, port } = (node ?? {}) as { host?: unknown; port?: unknown };
    return typeof host === 'string' && host !== '' && Number.isInteger(port);
  };
  return (
    typeof name === 'string' &&
    name !== '' &&
    Array.isArray(sentinels) &&
    sentinels.length > 0 &&
    sentinels.every(isNode)
  );
}
