import { micros, sleep } from '../lib/time.mjs';
import { CLUSTER_FAULTS } from './cluster-faults.mjs';

/**
 * @typedef {object} Fault
 * @property {string} title as it is counted in the table
 * @property {number} seconds about how long it takes
 * @property {(stage: import('./stage.mjs').Stage, random: () => number) => Promise<unknown>} run answers falsy when it did
 *   not come to it
 */

const pick = (random, items) => items[Math.floor(random() * items.length)];

/** About as long as memory may be believed, and mostly longer. */
const pastBound = (stage, random) => stage.settings.tier.bound * (1 + 3 * random());

/** Restarts take a moment; a Redis that stands still answers afterwards. */
const inRedis = (stage, work) => stage.place.each(work);

const killConnections = (type) => async (stage, random) => {
  for (let i = 0; i < 3; i++) {
    await inRedis(stage, (redis) => redis.call('CLIENT', 'KILL', 'TYPE', type, 'SKIPME', 'yes'));
    await sleep(100 + 500 * random());
  }
  return true;
};

/** One process cannot hear, or not speak, or neither, and is not told. */
const stall =
  (...uses) =>
  async (stage, random) => {
    const proxy = pick(random, [...stage.proxies.values()]);
    proxy.stall(...uses);
    await sleep(pastBound(stage, random));
    proxy.resume();
    await sleep(600);
    return true;
  };

/** @type {Record<string, Fault>} */
const ANYWHERE = {
  'bus-kill': { title: 'bus connections: killed', seconds: 1, run: killConnections('pubsub') },
  'commands-kill': { title: 'command connections: killed', seconds: 1, run: killConnections('normal') },
  'hears-stall': { title: 'one bus connection: stalled past the bound', seconds: 2, run: stall('hears') },
  'speaks-stall': { title: 'one command connection: stalled past the bound', seconds: 2, run: stall('speaks') },
  'half-open': { title: 'both connections of a process: stalled', seconds: 2, run: stall('hears', 'speaks') },
  delay: {
    title: 'one connection: stalled for moments',
    seconds: 2,
    async run(stage, random) {
      for (let i = 0; i < 20; i++) {
        const proxy = pick(random, [...stage.proxies.values()]);
        proxy.stall(pick(random, ['hears', 'speaks']));
        await sleep(10 + 80 * random());
        proxy.resume();
        await sleep(20 * random());
      }
      return true;
    },
  },
  pause: {
    title: 'process: paused past the bound',
    seconds: 2,
    async run(stage, random) {
      const paused = await stage.pause(pick(random, stage.places()), pastBound(stage, random));
      await sleep(500);
      return paused;
    },
  },
  'kill-member': {
    title: 'process: kill -9',
    seconds: 2,
    async run(stage, random) {
      await stage.members.get(pick(random, stage.places())).kill();
      await sleep(1_500);
      return true;
    },
  },
  flushall: {
    title: 'Redis: FLUSHALL',
    seconds: 0.6,
    async run(stage) {
      await inRedis(stage, (redis) => redis.flushall());
      await sleep(500);
      return true;
    },
  },
  vanish: {
    title: 'Redis: keys and markers vanish',
    seconds: 1,
    async run(stage, random) {
      let gone = 0;
      for (let i = 0; i < 5; i++) {
        gone += await inRedis(stage, (redis) => vanish(redis, random));
        await sleep(150);
      }
      return gone > 0;
    },
  },
  'script-flush': {
    title: 'Redis: SCRIPT FLUSH',
    seconds: 0.6,
    async run(stage) {
      for (let i = 0; i < 3; i++) {
        await inRedis(stage, (redis) => redis.script('FLUSH'));
        await sleep(150);
      }
      return true;
    },
  },
};

/** @type {Record<string, Fault>} */
const STANDALONE_FAULTS = {
  'redis-restart': {
    title: 'Redis: kill -9 and restart',
    seconds: 3,
    run: (stage, random) => restart(stage, random),
  },
  'redis-lossy': {
    title: 'Redis: kill -9, its last writes lost, and restart',
    seconds: 4,
    run: (stage, random) => restart(stage, random, 100 + 600 * random()),
  },
  'redis-stall': {
    title: 'Redis: stands still for twice the bound',
    seconds: 2.5,
    async run(stage) {
      stage.servers.signal('redis', 'SIGSTOP');
      await sleep(2 * stage.settings.tier.bound);
      stage.servers.signal('redis', 'SIGCONT');
      await sleep(1_500);
      return true;
    },
  },
};

/** What can happen where. */
export const FAULTS_OF = {
  standalone: { ...ANYWHERE, ...STANDALONE_FAULTS },
  cluster: { ...ANYWHERE, ...CLUSTER_FAULTS },
};

export const FAULTS = { ...FAULTS_OF.standalone, ...FAULTS_OF.cluster };

/** Some entries, holds and markers are gone, as when a Redis is full. */
async function vanish(redis, random) {
  let gone = 0;
  for (const pattern of ['chaos:e:*', 'chaos:m:*']) {
    for await (const keys of redis.scanStream({ match: pattern, count: 500 })) {
      const some = keys.filter(() => random() < 0.15);
      // One by one: in a cluster they are in different slots.
      for (const deleted of await Promise.all(some.map((key) => redis.unlink(key)))) gone += deleted;
    }
  }
  return gone;
}

/** @param {number} [lost] ms of writes that it forgets */
async function restart(stage, random, lost) {
  const { servers } = stage;
  let from = micros();
  const moment = lost && (await servers.lookAtAof());
  if (lost) await sleep(lost);
  else from = micros();
  await servers.stop('redis', 'SIGKILL');
  const rewound = !lost || (await servers.rewindAof(moment));
  await sleep(200 + 1_000 * random());
  stage.restarts.push({ from, up: micros() });
  await servers.start('redis');
  await sleep(2_000);
  return rewound;
}
