import { CacheOptionsError, CacheUnavailableError, type OptionProblem } from '../../cache.errors.js';
import type { Clock } from '../../engine/clock.js';
import { DURATION_REMEDY, type Duration, type Milliseconds, parseDuration } from '../../engine/duration.js';
import type { OpenedTier, RemoteServer, RemoteTierContext, RemoteTierFactory } from '../tier.js';
import { newClient, type RedisPlace } from './client.js';
import { RedisConnection } from './connection.js';
import { RedisAtomics } from './redis-atomics.js';
import { RedisRemote } from './redis-remote.js';
import { RedisServer } from './redis-server.js';

/** Where Redis is, and how long to wait for it. Needs Redis 7.0 or later (or Valkey), and `ioredis` 5 or 6. */
export interface RedisTierOptions extends RedisPlace {
  /** Whether the app refuses to start when the first try to connect fails. Default `false`: it starts, and uses Redis when it comes. */
  required?: boolean;
  /** A command that is not answered within this time counts as failed: a read becomes a miss. Default `'500ms'`. */
  commandTimeout?: Duration;
  /** How long the start of the app waits for the first connection. Default `'2s'`. */
  connectTimeout?: Duration;
  /** After five commands in a row without an answer: how long Redis is left alone before one command tries again. Default `'1s'`. */
  breakerPause?: Duration;
}

/** The Redis tier for `CacheModule.forRoot({ redis: redisTier({ url }) })`. One connection serves all caches of the app. */
export function redisTier(options: RedisTierOptions): RemoteTierFactory {
  return new RedisTier(options);
}

class RedisTier implements RemoteTierFactory {
  private connection: RedisConnection | undefined;
  private users = 0;
  private readonly times: Record<'commandTimeout' | 'connectTimeout' | 'breakerPause', Milliseconds>;

  constructor(private readonly options: RedisTierOptions) {
    const problems: OptionProblem[] = [];
    const time = (name: 'commandTimeout' | 'connectTimeout' | 'breakerPause', fallback: Milliseconds): Milliseconds => {
      const parsed = parseDuration(options[name] ?? fallback);
      if (parsed !== undefined && parsed > 0) return parsed;
      problems.push({ option: `redisTier.${name}`, value: options[name], remedy: DURATION_REMEDY });
      return fallback;
    };
    this.times = {
      commandTimeout: time('commandTimeout', 500),
      connectTimeout: time('connectTimeout', 2_000),
      breakerPause: time('breakerPause', 1_000),
    };
    problems.push(...placeProblems(options));
    if (problems.length > 0) throw new CacheOptionsError(problems, 'redisTier() is called wrongly');
  }

  open(namespace: string, clock: Clock, context: RemoteTierContext): OpenedTier {
    this.users++;
    this.connection ??= this.connect(clock);
    const { connection } = this;
    const remote = new RedisRemote(connection, clock, namespace, context, () => this.release());
    return { remote, atomics: new RedisAtomics(connection, namespace), start: () => this.start(connection) };
  }

  server(clock: Clock, commandTimeout: Milliseconds): RemoteServer {
    return new RedisServer(this.options, clock, { ...this.times, commandTimeout });
  }

  private async start(connection: RedisConnection): Promise<boolean> {
    const there = await connection.connect();
    if (!there && this.options.required) {
      throw new CacheUnavailableError('connect', new Error('redisTier is required and did not connect in time'));
    }
    return there;
  }

  private connect(clock: Clock): RedisConnection {
    const { client } = this.options;
    if (client) return new RedisConnection(client, false, clock, this.times);
    return new RedisConnection(newClient(this.options, this.times.connectTimeout), true, clock, this.times);
  }

  private async release(): Promise<void> {
    if (--this.users > 0) return;
    const { connection } = this;
    this.connection = undefined;
    await connection?.close();
  }
}

function placeProblems({ url, client }: RedisTierOptions): OptionProblem[] {
  if ((url === undefined) === (client === undefined)) {
    const remedy = "Pass either url: 'redis://localhost:6379' or client: an ioredis client.";
    return [{ option: 'redisTier', value: { url, client: client && '[client]' }, remedy }];
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
  if (client !== undefined && 'isCluster' in client && client.isCluster) {
    const remedy = 'This version works with one Redis (or Sentinel): pass a client of its primary.';
    return [{ option: 'redisTier.client', value: '[cluster client]', remedy }];
  }
  if (client !== undefined && typeof client.callBuffer !== 'function') {
    return [{ option: 'redisTier.client', value: client, remedy: 'Pass a client of ioredis 5 or 6: new Redis(...).' }];
  }
  return [];
}
