// One of the processes: reads rows all the time, and changes one now and then.
import { setTimeout as sleep } from 'node:timers/promises';
import { config, serve, tell } from '../../chaos/lib/link.mjs';
import { micros } from '../../chaos/lib/time.mjs';
import { SUBJECTS } from './subjects.mjs';

const waiting = new Map();
let next = 1;
process.on('message', ({ db, version }) => {
  waiting.get(db)?.(version);
  waiting.delete(db);
});
/** The database: it is in the process that measures. @returns {Promise<number>} version of the row */
const ask = (op, key) =>
  new Promise((resolve) => {
    const db = next++;
    waiting.set(db, resolve);
    process.send({ event: { db, op, key } });
  });
const rowOf = async (op, key) => ({ key, version: await ask(op, key) });

const { redisUrl, ttl, dist, keys } = config;
const handle = await SUBJECTS[config.subject].open({ redisUrl, ttl, dist, load: (key) => rowOf('read', key) });
/** What happened: reads as [begin, key, version], changes as [end, key, version]. */
let seen = { reads: [], changes: [], failures: 0 };
let running = false;
let lanes = [];

const any = () => keys[Math.floor(Math.random() * keys.length)];

async function read(key) {
  const begin = micros();
  try {
    const row = await handle.read(key);
    seen.reads.push([begin, key, row?.version ?? 0]);
  } catch {
    seen.failures++;
  }
}

async function change() {
  const key = any();
  let version;
  const write = async () => {
    const row = await rowOf('write', key);
    version = row.version;
    return row;
  };
  try {
    if (Math.random() < 0.5) await handle.write(key, write);
    else {
      await write();
      await handle.evict(key);
    }
    seen.changes.push([micros(), key, version]);
  } catch {
    seen.failures++;
  }
}

async function lane(work, pause) {
  while (running) {
    await work();
    await sleep(2 * pause * Math.random());
  }
}

serve({
  start({ readers, pause, changeEvery }) {
    running = true;
    lanes = Array.from({ length: readers }, () => lane(() => read(any()), pause));
    lanes.push(lane(change, changeEvery));
  },
  async stop() {
    running = false;
    await Promise.race([Promise.all(lanes), sleep(40_000)]);
  },
  async readAll() {
    for (const key of keys) await read(key);
  },
  take() {
    const taken = seen;
    seen = { reads: [], changes: [], failures: 0 };
    return taken;
  },
});
tell('ready');
