import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import type { RedisLike } from '../../src/tiers/redis/redis-like.js';

/** An ioredis client between which and the cache a spec stands. */
export interface HookedClient extends RedisLike {
  /** Commands the cache sent, oldest first. */
  readonly sent: string[];
  /** Answers instead of Redis, to which the command does not go then. `undefined`: Redis is asked. */
  instead: (command: string) => Promise<unknown> | undefined;
  /** What an answer of Redis waits for before the cache gets it. */
  before: (command: string) => Promise<unknown> | undefined;
}

export const never = new Promise<never>(() => {});

/** Answers of a Redis that is so many milliseconds away. */
export const lag = (ms: number) => () => sleep(ms);

/** A client that hangs up on everything but reads. */
export const onlyReads = (answer: () => Promise<unknown>) => (command: string) =>
  command === 'MGET' ? undefined : answer();

export function hookedClient(real: Redis): HookedClient {
  const sent: string[] = [];
  return {
    get status() {
      return real.status;
    },
    sent,
    instead: () => undefined,
    before: () => undefined,
    async callBuffer(command, ...args) {
      sent.push(command);
      const instead = this.instead(command);
      if (instead) return instead;
      const answer = real.callBuffer(command, ...args);
      answer.catch(() => undefined); // is handled once it is let through
      await this.before(command);
      return answer;
    },
    on: (event, listener) => real.on(event, listener),
    off: (event, listener) => real.off(event, listener),
    connect: () => real.connect(),
    quit: () => real.quit(),
    disconnect: () => real.disconnect(),
    duplicate: (options) => real.duplicate(options),
  };
}
