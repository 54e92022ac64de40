// One of the processes: a Nest app with a cache in front of Postgres, under a steady load. It asks at fixed times, whether the
// answers before have come or not: who waits for an answer before he asks again measures an outage as one slow request.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import 'reflect-metadata';
import { randomOf } from '../../scripts/demo/random.mjs';
import { config, serve, tell } from '../lib/link.mjs';
import { micros, until } from '../lib/time.mjs';
import { applyBreak } from './breaks.mjs';
import { Database } from './database.mjs';
import { ITEMS, LOAD, TIER } from './plan.mjs';

const built = (path) => import(pathToFileURL(join(config.dist, path)).href);
const [{ CacheModule, CacheService }, { redisTier }] = await Promise.all([built('index.js'), built('redis.js')]);
await applyBreak(config.break, config.dist);

class App {}
const redis = redisTier({ url: config.redisUrl, ...TIER });
Module({ imports: [CacheModule.forRoot({ namespace: 'outage', ttl: '1h', redis })] })(App);
const app = await NestFactory.createApplicationContext(App, { abortOnError: false, logger: false });
const cache = app.get(CacheService);
const random = randomOf(`${config.seed}:${config.name}`);
const database = new Database(config.databaseUrl, random);

/**
 * Begin and end in µs. `waits`: of requests that loaded, without the time of the load.
 * @type {Record<'reads' | 'loads' | 'waits' | 'changes', [number, number][]>}
 */
const seen = { reads: [], loads: [], waits: [], changes: [] };
/** What rejected, and what should not have been read. @type {string[]} */
let failures = [];
let stale = [];
let open = 0;
/** The least version that this process may read of an item: it has changed it itself. */
const own = new Map();
const sessions = new Map();

const keyOf = (id) => `item:${id}`;
/** Few are asked for often. */
const anyItem = () => Math.floor(ITEMS * random() ** 5);

const load = (id) => async () => {
  const begin = micros();
  const row = await database.read(id);
  seen.loads.push([begin, micros()]);
  return row;
};

const WORK = {
  async reads() {
    const id = anyItem();
    const least = own.get(id) ?? 0;
    const begin = micros();
    let loading = 0;
    const timed = async () => {
      const before = micros();
      const row = await load(id)();
      loading = micros() - before;
      return row;
    };
    const { version } = await cache.getOrLoad(keyOf(id), timed);
    if (loading > 0) seen.waits.push([begin, micros() - loading]);
    if (version < least) stale.push(`item ${id}: read version ${version} after its own change to ${least}`);
  },
  async evictions() {
    const id = anyItem();
    const { version } = await database.write(id);
    await cache.evict(keyOf(id));
    own.set(id, Math.max(version, own.get(id) ?? 0));
  },
  async writes() {
    const id = anyItem();
    const { version } = await cache.write(keyOf(id), () => database.write(id));
    own.set(id, Math.max(version, own.get(id) ?? 0));
  },
  async sets() {
    const key = `session:${config.name}:${Math.floor(random() * 50)}`;
    const value = (sessions.get(key) ?? 0) + 1;
    sessions.set(key, value);
    await cache.set(key, value);
    const found = await cache.get(key);
    if (found !== undefined && found < value) stale.push(`${key}: read ${found} after its own set of ${value}`);
  },
};

async function perform(what) {
  const begin = micros();
  open++;
  try {
    await WORK[what]();
  } catch (error) {
    failures.push(`${what}: ${error?.message ?? error}`);
  }
  open--;
  seen[what === 'reads' ? 'reads' : 'changes'].push([begin, micros()]);
}

/** What has to be asked by now. */
function pace(kinds) {
  const begin = micros();
  const asked = Object.fromEntries(kinds.map((what) => [what, 0]));
  return setInterval(() => {
    const seconds = (micros() - begin) / 1e6;
    for (const what of kinds) for (; asked[what] < LOAD[what] * seconds; asked[what]++) void perform(what);
  }, 5);
}

let timers = [];

serve({
  /** So that the first second is not that of an empty cache. */
  async warm() {
    for (let id = 0; id < ITEMS; id += 25)
      await Promise.all(Array.from({ length: 25 }, (_, i) => cache.getOrLoad(keyOf(id + i), load(id + i))));
    await cache.idle();
  },
  start() {
    timers = [pace(['reads']), pace(['evictions', 'writes', 'sets'])];
  },
  /** The rows stay as they are from now on. */
  stopChanges: () => clearInterval(timers[1]),
  /** Answers how many requests have no end. */
  async stop() {
    for (const timer of timers) clearInterval(timer);
    await until(() => open === 0, 10_000, 20);
    return open;
  },
  isCalm() {
    const { redis } = cache.stats();
    return redis.ready && redis.bus.lease && redis.undelivered === 0;
  },
  /** The version of every item, as this process shows it. */
  versions: () =>
    Promise.all(
      Array.from({ length: ITEMS }, (_, id) => cache.getOrLoad(keyOf(id), load(id)).then((row) => row.version)),
    ),
  /** What was seen since the last call. */
  take() {
    const taken = { ...seen, failures, stale };
    Object.assign(seen, { reads: [], loads: [], waits: [], changes: [] });
    failures = [];
    stale = [];
    return taken;
  },
  async close() {
    await app.close();
    await database.end();
  },
});
tell('ready');
