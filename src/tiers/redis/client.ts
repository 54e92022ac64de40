import { Redis, type RedisOptions } from 'ioredis';
import type { Milliseconds } from '../../engine/duration.js';
import type { ClusterPlace } from './cluster/place.js';
import type { RedisLike, SubscribingRedis } from './redis-like.js';

/** The Sentinels that know where the primary is, as ioredis takes them. */
export interface SentinelPlace {
  /** Name of the group that the Sentinels watch. */
  name: string;
  sentinels: readonly { host: string; port: number }[];
}

/** Where Redis is: exactly one of `url`, `sentinel`, `cluster` and `client`. */
export interface RedisPlace {
  /** `redis://user:password@host:6379/0`, or `rediss://` with TLS. */
  url?: string;
  /** A primary that Sentinels watch: after a failover the clients follow. */
  sentinel?: SentinelPlace;
  /** A Redis Cluster: some of its nodes. The others are found by asking these; failovers and slots that move are followed. */
  cluster?: ClusterPlace;
  /** Further options for the ioredis clients made from `url`, `sentinel` or `cluster`: user, password, `tls`, `keyPrefix`. */
  clientOptions?: RedisOptions;
  /**
   * A client of the app's own instead of `url`. It is never closed by the cache. Of a `Cluster` only the nodes and options are
   * taken, for connections of the cache's own: the client itself sends commands again, after newer ones.
   */
  client?: RedisLike;
}

// The type lacks this option of ioredis, whose default would keep a process alive for two seconds after close().
const hidden = { disconnectTimeout: 100 };

/** What is not sent at once is not sent at all: a queue would hang readers and reorder writes after an outage. */
const AT_ONCE: RedisOptions = {
  enableOfflineQueue: false,
  autoResendUnfulfilledCommands: false,
  maxRetriesPerRequest: 0,
};

/** A client of ours, not connected yet: to where the options say, or to where the app's own client is connected. */
export function newClient(
  { url, sentinel, client, clientOptions }: RedisPlace,
  connectTimeout: Milliseconds,
  wanted: RedisOptions = AT_ONCE,
): RedisLike {
  const own: RedisOptions = {
    ...hidden,
    lazyConnect: true,
    connectTimeout,
    retryStrategy: (attempt) => Math.min(50 * 2 ** Math.min(attempt, 6), 2_000),
  };
  if (client) {
    return (client as unknown as Redis).duplicate({ ...own, ...wanted }) as unknown as RedisLike;
  }
  const options = { ...own, ...clientOptions, ...wanted };
  if (sentinel) {
    const sentinels = [...sentinel.sentinels];
    return new Redis({ ...options, sentinels, name: sentinel.name, role: 'master' }) as unknown as RedisLike;
  }
  return new Redis(url as string, options) as unknown as RedisLike;
}

/** A client that hears messages. It is subscribed anew by us, because something may have been missed meanwhile. */
export function newSubscriber(place: RedisPlace, connectTimeout: Milliseconds): RedisLike & SubscribingRedis {
  // Of RESP3 ioredis 6 does not hand out what the server tells about tracked keys; ioredis 5 knows RESP2 only.
  const wanted: RedisOptions & { protocol: 2 } = { ...AT_ONCE, autoResubscribe: false, protocol: 2 };
  return newClient(place, connectTimeout, wanted) as RedisLike & SubscribingRedis;
}
