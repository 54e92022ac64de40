import { afterEach, beforeEach } from '@jest/globals';
import { Cluster, Redis, type RedisOptions } from 'ioredis';
import { type Clock, SystemClock } from '../../../src/engine/clock.js';
import { VersionSource } from '../../../src/engine/version.js';
import { type RedisTierOptions, redisTier } from '../../../src/redis.js';
import * as scripts from '../../../src/tiers/redis/scripts.js';
import type { OpenedTier } from '../../../src/tiers/tier.js';
import { type RedisProxy, startRedisProxy } from '../../support/redis-proxy.js';
import { clusterNodes, redisUrl, uniqueNamespace } from '../../support/services.js';

/** A tier in a namespace, and what it told. */
export interface OpenTier extends OpenedTier {
  there: boolean;
  errors: { operation: string; error: unknown }[];
  connections: boolean[];
  close(): Promise<void>;
}

/** What one test works with; all of it is closed when the test ends. */
export interface Rig {
  readonly namespace: string;
  /** A connection of the spec's own, to look at what stands in Redis and to put things there. */
  readonly redis: Redis;
  /** Waits for the connection like an app that starts; `there` tells whether it came. */
  open(options?: RedisTierOptions & { namespace?: string; clock?: Clock }): Promise<OpenTier>;
  client(options?: RedisOptions, url?: string): Redis;
  /** A client whose Redis user may do everything but what the rules forbid: stands for a server that refuses it. */
  userWithout(...rules: string[]): Promise<Redis>;
  proxy(): Promise<RedisProxy>;
  /** Names of an entry and of a marker in Redis. */
  entry(key: string): string;
  marker(name: string): string;
  later(close: () => unknown): void;
}

export function useRig(): Rig {
  let namespace = '';
  let redis: Redis | undefined;
  let closers: (() => unknown)[] = [];
  const later = (close: () => unknown): void => void closers.push(close);
  const client = (options: RedisOptions = {}, url = redisUrl()): Redis => {
    const made = new Redis(url, options);
    // disconnect() of a client that has ended already would leave a timer of ioredis running for two seconds.
    later(() => (made.status === 'end' ? undefined : made.quit()));
    return made;
  };
  /** In a run with a cluster: apps that do not say where Redis is are there. */
  const clusterClient = (): Redis | undefined => {
    const nodes = clusterNodes();
    if (!nodes) return undefined;
    const made = new Cluster(nodes);
    later(() => made.quit());
    return made as unknown as Redis;
  };
  beforeEach(() => {
    namespace = uniqueNamespace();
    redis = undefined;
    closers = [];
  });
  afterEach(async () => {
    for (const close of closers.reverse()) await close();
  });
  return {
    get namespace() {
      return namespace;
    },
    get redis() {
      redis ??= clusterClient() ?? client();
      return redis;
    },
    client,
    later,
    userWithout: async (...rules) => {
      const admin = client();
      const name = `${namespace}-${newVersion().replace(/\W/g, 'x')}`;
      await admin.call('ACL', 'SETUSER', name, 'on', '>secret', '~*', '&*', '+@all', ...rules);
      later(() => admin.call('ACL', 'DELUSER', name));
      return client({ username: name, password: 'secret' });
    },
    entry: (key) => `${namespace}:e:${key}`,
    marker: (name) => `${namespace}:m:${name}`,
    proxy: async () => {
      const proxy = await startRedisProxy(redisUrl());
      later(() => proxy.stop());
      return proxy;
    },
    open: async ({ namespace: other = namespace, clock = new SystemClock(), ...options } = {}) => {
      const place = options.client ? {} : { url: redisUrl(), clientOptions: { retryStrategy: () => 25 } };
      const errors: OpenTier['errors'] = [];
      const connections: boolean[] = [];
      const opened = redisTier({ bus: false, ...place, ...options }).open(other, clock, {
        onError: (operation, error) => errors.push({ operation, error }),
        onConnection: (ready) => connections.push(ready),
      });
      let closed = false;
      const close = async (): Promise<void> => {
        if (closed) return;
        closed = true;
        await opened.remote.close();
      };
      later(close);
      const there = await opened.start();
      return { ...opened, there, errors, connections, close };
    },
  };
}

const versions = new VersionSource();

export const newVersion = (): string => versions.next();

/** Bytes as the engine makes them, as far as the tier looks at them: a version, then more than 18 bytes. */
export function value(version: string, text = 'payload'): Buffer {
  return Buffer.from(`${version}S1v0${text}`);
}

export interface SeenCommand {
  /** `MGET`, `UNLINK`, ..., and for scripts their name: `FILL`. */
  name: string;
  /** Everything after the name; for scripts how many keys, keys and arguments. */
  args: string[];
}

/** MONITOR shows line ends and quotes of a script escaped. */
const bare = (source: string): string => source.replace(/\\[nr]|[\s\\"']/g, '');

const scriptNames = new Map(
  Object.entries(scripts).flatMap(([name, { sha, source }]) => [
    [sha, name],
    [bare(source), name],
  ]),
);

/**
 * What clients send to Redis below a namespace while `run` does its work, in the order in which Redis got it. Without what processes say
 * to themselves from time to time.
 */
export async function commandsDuring(
  rig: Pick<Rig, 'client' | 'namespace'>,
  run: () => unknown,
): Promise<SeenCommand[]> {
  const seen: (SeenCommand & { again: boolean })[] = [];
  const monitor = await rig.client().monitor();
  const end = `end of ${newVersion()}`;
  const ended = new Promise<void>((resolve) => {
    monitor.on('monitor', (_time: string, [command = '', ...args]: string[], source: string) => {
      if (args.includes(end)) resolve();
      if (source === 'lua' || !args.some((arg) => arg.includes(rig.namespace))) return;
      const script = /^eval(sha)?$/i.test(command);
      seen.push({
        name: script ? (scriptNames.get(bare(args[0] ?? '')) ?? command) : command.toUpperCase(),
        args: script ? args.slice(1) : args,
        again: /^eval$/i.test(command),
      });
    });
  });
  try {
    await run();
    await rig.client().echo(end);
    await ended;
  } finally {
    monitor.disconnect();
  }
  // A script the server did not know is sent twice: the first time it did nothing.
  const same = (one: string[], other: string[]): boolean => one.join('\n') === other.join('\n');
  const twice = (one: SeenCommand, i: number): boolean =>
    seen.slice(i + 1).some((later) => later.again && same(later.args, one.args));
  return seen.filter((one, i) => one.name !== 'ECHO' && !twice(one, i));
}

/** Waits for a condition; fails, telling `what`, if it does not come true in time. */
export async function until(what: string, condition: () => unknown, within = 30_000): Promise<void> {
  const end = performance.now() + within;
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`Did not happen within ${within} ms: ${what}.`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
