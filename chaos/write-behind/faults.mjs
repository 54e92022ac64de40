import { micros, sleep, until } from '../lib/time.mjs';

/**
 * @typedef {object} Fault
 * @property {string} title as it is counted in the table
 * @property {number} seconds about how long it takes
 * @property {boolean} [alone] needs a round of its own, with settings of its own
 * @property {(stage: import('./stage.mjs').Stage, random: () => number, name: string) => Promise<unknown>} run answers
 *   falsy when it did not come to it
 */

const pick = (random, items) => items[Math.floor(random() * items.length)];
/** @param {import('./stage.mjs').Stage} stage */
const act = (stage, ...args) => stage.control.call('act', ...args);

/** Until Postgres or a dead letter has what is dirty of an item now. */
const settled = (stage, id, ms = 15_000) => until(async () => !(await stage.view.isDirty('Item', id)), ms, 50);

/** A worker goes at this place of a transaction. */
const killAt = (at) => async (stage, random) => {
  const worker = await stage.strike({ at, act: 'kill' }, [pick(random, stage.all('worker'))]);
  await sleep(1_500);
  return worker;
};

/** A worker sleeps at this place, in a transaction with this key, for longer than its lease. */
async function pauseWith(stage, at, id, first, meanwhile) {
  const struck = stage.strike({ at, act: 'stop', key: id });
  await sleep(20); // the arms are on their way
  await first();
  const worker = await struck;
  if (!worker) return undefined;
  await meanwhile();
  await sleep(stage.settings.writeBehind.lease);
  worker.signal('SIGCONT');
  await sleep(1_000);
  return worker;
}

/** Writers write new rows as fast as they can while Postgres is away: what is waiting has its bounds, in Redis and in them. */
async function flood(stage, _random, name) {
  const { postgresAway, writeBehind } = stage.settings;
  const most = writeBehind.shards * writeBehind.maxEntries;
  const rss = () => Promise.all(stage.all('writer').map((writer) => writer.call('rss').catch(() => 0)));
  const [before, letters] = [Math.max(...(await rss())), (await stage.view.look()).flatMap((shard) => shard.letters)];
  const told = await stage.logLines();
  let [highest, dirty, refused, count] = [0, 0, 0, 0];
  await stage.outage(async () => {
    await stage.servers.stop('postgres', 'SIGINT');
    const end = micros() + postgresAway * 1_000;
    while (micros() < end) {
      const ids = () => Array.from({ length: 400 }, () => `${name}-${count++}`);
      const ends = await Promise.all(
        stage.all('writer').map((writer) => writer.call('burst', ids()).catch(() => ({ no: 0 }))),
      );
      for (const { no } of ends) refused += no;
      highest = Math.max(highest, ...(await rss()));
      dirty = Math.max(dirty, await stage.view.dirtyKeys());
      await sleep(50);
    }
    await stage.servers.start('postgres');
  });
  const drained = await until(async () => (await stage.view.dirtyKeys()) < most / 10, 20_000, 100);
  const lines = (await stage.logLines()) - told;
  const grown = (highest - before) / 2 ** 20;
  const newLetters = (await stage.view.look())
    .flatMap((shard) => shard.letters)
    .filter((key) => !letters.includes(key));
  const bad = (text) => stage.surprises.push(`Postgres away for ${postgresAway} ms under load: ${text}`);
  if (dirty > most) bad(`${dirty} rows were waiting, ${most} are allowed`);
  if (refused === 0) bad('the buffer never became full');
  if (grown > 128) bad(`a writer grew by ${grown.toFixed()} MiB`);
  if (!drained) bad('the rows that had waited were not flushed within 20 s');
  if (lines > 4 * stage.children.size + postgresAway / 500) bad(`the processes have logged ${lines} lines`);
  if (newLetters.length > 0) bad(`${newLetters.length} rows became dead letters`);
  return refused > 0;
}

/** @type {Record<string, Fault>} */
export const FAULTS = {
  'kill-worker': {
    title: 'worker: kill -9 at any time',
    seconds: 1.7,
    async run(stage, random) {
      const worker = pick(random, stage.all('worker'));
      await worker?.kill();
      await sleep(1_500);
      return worker;
    },
  },
  'kill-begin': { title: 'worker: kill -9 before SQL', seconds: 2, run: killAt('begin') },
  'kill-written': { title: 'worker: kill -9 inside the transaction', seconds: 2, run: killAt('written') },
  'kill-committed': { title: 'worker: kill -9 between COMMIT and ACK', seconds: 2, run: killAt('committed') },
  'kill-acking': { title: 'worker: kill -9 inside ACK', seconds: 2, run: killAt('acking') },
  'pause-delete': {
    title: 'worker: paused past its lease, older upsert after a delete',
    seconds: 6,
    run: (stage, _random, id) =>
      pauseWith(
        stage,
        'begin',
        id,
        () => act(stage, 'put', 'Item', id, { n: 1 }),
        async () => {
          await act(stage, 'delete', 'Item', id);
          await settled(stage, id);
        },
      ),
  },
  'pause-newer': {
    title: 'worker: paused past its lease, older upsert after a newer one',
    seconds: 6,
    run: (stage, _random, id) =>
      pauseWith(
        stage,
        'begin',
        id,
        () => act(stage, 'put', 'Item', id, { n: 1 }),
        async () => {
          await act(stage, 'patch', 'Item', id);
          await settled(stage, id);
        },
      ),
  },
  'pause-open': {
    title: 'worker: paused past its lease in an open transaction',
    seconds: 5,
    run: (stage, _random, id) =>
      pauseWith(
        stage,
        'written',
        id,
        () => act(stage, 'put', 'Item', id, { n: 1 }),
        async () => {
          await act(stage, 'delete', 'Item', id);
          await settled(stage, id);
        },
      ),
  },
  'pause-letter': {
    title: 'worker: paused before ACK, newer write becomes a dead letter',
    seconds: 7,
    run: (stage, _random, id) =>
      pauseWith(
        stage,
        'unacked',
        id,
        () => act(stage, 'put', 'Item', id, { n: 1 }),
        async () => {
          await act(stage, 'put', 'Item', id, { n: -1, note: 'poison' });
          await settled(stage, id);
        },
      ),
  },
  deadlock: {
    title: 'Postgres: injected 40P01',
    seconds: 1,
    async run(stage, random) {
      const worker = await stage.strike({ at: 'written', act: 'deadlock' }, [pick(random, stage.all('worker'))]);
      await sleep(500);
      return worker;
    },
  },
  'kill-writer': {
    title: 'writer: kill -9',
    seconds: 1,
    async run(stage, random) {
      const writer = pick(random, stage.all('writer'));
      await writer?.kill();
      await sleep(700);
      return writer;
    },
  },
  'redis-kill': {
    title: 'Redis: kill -9 and restart',
    seconds: 6,
    async run(stage, random) {
      await stage.outage(async () => {
        await stage.servers.stop('redis', 'SIGKILL');
        await sleep(500 + 1_500 * random());
        await stage.servers.start('redis');
      });
      await sleep(3_000);
      return true;
    },
  },
  'postgres-stop': {
    title: 'Postgres: stopped and restarted under load',
    seconds: 10,
    async run(stage, random) {
      await stage.outage(async () => {
        // Fast, or as after a crash: transactions may be anywhere, also inside COMMIT.
        await stage.servers.stop('postgres', random() < 0.5 ? 'SIGINT' : 'SIGQUIT');
        await sleep(stage.settings.postgresAway);
        await stage.servers.start('postgres');
      });
      await sleep(4_000);
      return true;
    },
  },
  'table-locked': {
    title: 'Postgres: table locked for longer than the lease',
    seconds: 5,
    async run(stage, random) {
      await stage.outage(() =>
        stage.servers.withPostgres(async (client) => {
          await client.query('BEGIN; LOCK TABLE chaos.item');
          await sleep(stage.settings.writeBehind.lease * (1 + random()));
          await client.query('COMMIT');
        }),
      );
      await sleep(2_000);
      return true;
    },
  },
  'postgres-flood': {
    title: 'Postgres: away for a long time, buffer full',
    seconds: 80,
    alone: true,
    run: flood,
  },
  'bullmq-gone': {
    title: 'BullMQ: all of its keys deleted',
    seconds: 3,
    async run(stage) {
      const pattern = `{${stage.settings.namespace}:w}:*`;
      const gone = await stage.servers.withRedis(async (redis) => {
        let count = 0;
        for await (const keys of redis.scanStream({ match: pattern, count: 1_000 })) {
          if (keys.length > 0) count += await redis.unlink(...keys);
        }
        return count;
      });
      await sleep(2_500);
      return gone > 0;
    },
  },
  'bullmq-stray': {
    title: 'BullMQ: stray deduplication keys',
    seconds: 4,
    async run(stage) {
      const { namespace, writeBehind } = stage.settings;
      const names = Array.from({ length: writeBehind.shards }, (_, i) => `{${namespace}:w}:write-behind:de:Item.${i}`);
      await stage.servers.withRedis((redis) => Promise.all(names.map((name) => redis.set(name, 'nobody'))));
      await sleep(3_500);
      await stage.servers.withRedis((redis) => redis.unlink(...names));
      return true;
    },
  },
  'wakes-dropped': {
    title: 'wake-ups: half of them dropped',
    seconds: 4,
    run: (stage) => wakeUps(stage, { drop: 0.5 }),
  },
  'wakes-none': {
    title: 'wake-ups: all of them dropped',
    seconds: 16,
    // Long enough to see that it is not the wake-ups that come after.
    run: (stage) => wakeUps(stage, { drop: 1 }, 16_000),
  },
  'wakes-doubled': {
    title: 'wake-ups: doubled, two workers on one shard',
    seconds: 3,
    run: (stage) => wakeUps(stage, { double: 1 }, 3_000),
  },
  'cache-evicted': {
    title: 'Redis: cached rows evicted while dirty',
    seconds: 1,
    async run(stage) {
      let gone = 0;
      const end = micros() + 800_000;
      await stage.servers.withRedis(async (redis) => {
        while (micros() < end) {
          for await (const keys of redis.scanStream({ match: `{${stage.settings.namespace}:w:*}:c:*`, count: 1_000 })) {
            if (keys.length > 0) gone += await redis.unlink(...keys);
          }
        }
      });
      return gone > 0;
    },
  },
  poison: {
    title: 'rows: refused by a constraint, among good ones',
    seconds: 0.5,
    async run(stage, random, id) {
      const bad = 1 + Math.floor(random() * 5);
      const ids = Array.from({ length: 40 }, (_, i) => `${id}-${i}`);
      await Promise.all(
        ids.map((one, i) => act(stage, 'put', 'Item', one, i < bad ? { n: -1, note: 'poison' } : { n: i })),
      );
      await sleep(300);
      return true;
    },
  },
  'poison-cured': {
    title: 'rows: refused, then written again well',
    seconds: 3,
    async run(stage, _random, id) {
      await act(stage, 'put', 'Item', id, { n: -1, note: 'poison' });
      await settled(stage, id);
      await act(stage, 'put', 'Item', id, { n: 1 });
      await settled(stage, id);
      return true;
    },
  },
  'parent-late': {
    title: 'rows: parent that appears later, or never',
    seconds: 2,
    async run(stage, _random, id) {
      const child = (name, parent, note) =>
        act(stage, 'put', 'Child', `${id}-${name}`, { n: 1, fields: { parent, code: null }, note });
      await child('early', `${id}-parent`);
      await child('orphan', `${id}-nobody`, 'orphan');
      await sleep(1_500);
      await act(stage, 'put', 'Item', `${id}-parent`, { n: 1 });
      return true;
    },
  },
  'unique-moved': {
    title: 'rows: unique value taken over from another shard',
    seconds: 2,
    async run(stage, _random, id) {
      const own = (name, code) => act(stage, 'put', 'Child', `${id}-${name}`, { n: 1, fields: { parent: null, code } });
      await Promise.all([own('a', `${id}-a`), own('b', `${id}-b`)]);
      await sleep(700);
      await Promise.all([own('a', `${id}-b`), own('b', `${id}-c`)]);
      return true;
    },
  },
};

async function wakeUps(stage, wanted, ms = 4_000) {
  const both = (shares) => Promise.all(['writer', 'worker'].map((role) => stage.broadcast(role, 'wakes', shares)));
  await both(wanted);
  await sleep(ms);
  await both({});
  return true;
}
