// What happens to the process that leads, or to the Redis in which its lease is. Each ends when all is as before.
import { micros, sleep } from '../lib/time.mjs';
import { LEASE, LOOK } from './plan.mjs';

/** So long stands still what stands still: another process leads before it goes on. Milliseconds. */
const PAUSE = 2 * LEASE;

/**
 * `run` answers since when there is no leader any more, or what kept a process from leading is over: µs. `within` so much time one
 * leads again: ms.
 * @typedef {{ leader: import('../lib/link.mjs').Child, servers: import('../lib/servers.mjs').Servers, notes: import('./checker.mjs').Notes }} Stage
 * @type {Record<string, { title: string, within: number, run(stage: Stage): Promise<number> }>}
 */
export const FAULTS = {
  kill: {
    title: 'the leader: kill -9',
    within: LEASE,
    async run({ leader, notes }) {
      await leader.kill();
      const since = micros();
      notes.ended(leader.name, since);
      return since;
    },
  },
  pause: {
    title: 'the leader: stands still past its lease, and goes on',
    within: LEASE,
    async run({ leader, notes }) {
      leader.signal('SIGSTOP');
      await leader.untilStopped();
      const since = micros();
      await sleep(PAUSE);
      notes.paused(leader.name, since, micros());
      leader.signal('SIGCONT');
      await sleep(LEASE);
      return since;
    },
  },
  close: {
    title: 'the leader: its app is closed',
    within: LOOK,
    async run({ leader, notes }) {
      await leader.call('close');
      const since = micros();
      await leader.kill();
      notes.ended(leader.name, since);
      return since;
    },
  },
  'redis-pause': {
    title: 'Redis: stands still past the lease',
    within: LEASE,
    async run({ servers, notes }) {
      servers.signal('redis', 'SIGSTOP');
      const begin = micros();
      await sleep(PAUSE);
      notes.withoutRedis(begin, micros());
      servers.signal('redis', 'SIGCONT');
      await servers.withRedis((redis) => redis.ping());
      return micros();
    },
  },
};
