// What happens to a cluster only.
import { micros, sleep, until } from '../lib/time.mjs';
import { KINDS } from './keys.mjs';

const SLOTS = 16_384;
const REPLICATION_LAG_US = 100_000;
/** In how many failovers the last writes are lost. */
const LOSSY = 0.7;

const pick = (random, items) => items[Math.floor(random() * items.length)];

/** @type {Record<string, import('./faults.mjs').Fault>} */
export const CLUSTER_FAULTS = {
  failover: {
    title: 'master: kill -9, its replica takes over, mostly without the last writes',
    seconds: 5,
    async run(stage, random) {
      const { cluster } = stage.place;
      const masters = await cluster.masters();
      const victim = pick(random, masters);
      const { slots } = await victim.myself();
      const from = micros() - REPLICATION_LAG_US;
      if (random() < LOSSY) await losesTail(victim, 100 + 600 * random());
      await victim.stop('SIGKILL');
      const done = await until(() => inherited(cluster, victim, slots), 30_000, 20);
      if (!done) throw new Error('no replica has taken over');
      stage.restarts.push({ from, up: micros() });
      await sleep(300 + 700 * random());
      victim.start();
      await cluster.settled();
      return true;
    },
  },
  handover: {
    title: 'master: changes places with its replica',
    seconds: 2.5,
    async run(stage, random) {
      const { cluster } = stage.place;
      const replicas = [];
      for (const node of cluster.nodes) if (!(await node.myself()).master) replicas.push(node);
      const heir = pick(random, replicas);
      await heir.admin.call('CLUSTER', 'FAILOVER');
      const done = await until(async () => (await heir.myself()).master, 10_000, 20);
      await sleep(500);
      await cluster.settled();
      return done;
    },
  },
  'slot-move': {
    title: 'slots: moved to other masters, with their keys',
    seconds: 3,
    async run(stage, random) {
      const { cluster } = stage.place;
      const slots = await slotsOf(cluster, random);
      const pause = () => sleep(60 * random());
      for (const slot of slots) {
        const target = pick(random, await cluster.masters());
        await cluster.move([slot], target, pause);
      }
      return true;
    },
  },
};

/** What a master confirms from now on is not handed on to its replica: that cannot log in again. */
async function losesTail({ admin }, ms) {
  await admin.config('SET', 'requirepass', 'nobody knows');
  await admin.call('CLIENT', 'KILL', 'TYPE', 'replica');
  await sleep(ms);
}

/** Whether somebody else has what a killed master had. */
async function inherited(cluster, victim, slots) {
  const first = Number(slots[0].split('-')[0]);
  const owner = await cluster.ownerOf(first).catch(() => undefined);
  return owner !== undefined && owner !== victim;
}

/** Slots that matter: of keys that everybody wants, of markers and channels, and some others. */
async function slotsOf(cluster, random) {
  const [{ admin }] = await cluster.masters();
  const keys = [...KINDS.h, ...KINDS.s, pick(random, KINDS.k), pick(random, KINDS.q), pick(random, KINDS.p)];
  const some = keys.filter(() => random() < 0.4).map((key) => `chaos:e:${key}`);
  const slots = await Promise.all(some.map((name) => admin.call('CLUSTER', 'KEYSLOT', name)));
  const anchors = [1, 2, 3].map(() => 64 * Math.floor((random() * SLOTS) / 64));
  const regions = [1, 2].map(() => 1_024 * Math.floor((random() * SLOTS) / 1_024));
  return [...new Set([...slots, ...anchors, ...regions])];
}
