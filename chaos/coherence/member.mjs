// One of the processes: a Nest app with a cache, which reads, writes and invalidates at random.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import 'reflect-metadata';
import { config, serve, tell } from '../lib/link.mjs';
import { micros, until } from '../lib/time.mjs';
import { applyBreak } from './breaks.mjs';
import { PREFIXES } from './keys.mjs';
import { runLane } from './lanes.mjs';
import { Operations } from './operations.mjs';
import { Recorder } from './record.mjs';

const WATCH_MS = 5;
/** An event loop that stands still for longer is told of, if it was this process that was at work all the time. */
const BLOCKED_MS = 250;

const built = (path) => import(pathToFileURL(join(config.dist, path)).href);
const [{ CacheModule, CacheService }, { redisTier }] = await Promise.all([built('index.js'), built('redis.js')]);
await applyBreak(config.break, config.dist);

class App {}
const options = {
  namespace: 'chaos',
  redis: redisTier({ ...config.redis, ...config.tier }),
  ttl: '1h',
  jitter: 0,
  prefixes: PREFIXES,
  policies: { strong: { consistency: 'strong' }, grace: { grace: '1h', graceBackoff: 100 } },
};
Module({ imports: [CacheModule.forRoot(options)] })(App);
const app = await NestFactory.createApplicationContext(App, { abortOnError: false });
const cache = app.get(CacheService);

const recorder = new Recorder(config.history, config.name);
const database = openDatabase();
const operations = new Operations(cache, recorder, database);
watch();

/** The rows, over the line to the suite. */
function openDatabase() {
  const waiting = new Map();
  let next = 1;
  process.on('message', ({ db, rows }) => {
    if (db === undefined) return;
    waiting.get(db)(rows);
    waiting.delete(db);
  });
  const ask = (op, keys) =>
    new Promise((resolve) => {
      const db = next++;
      waiting.set(db, resolve);
      process.send({ event: { db, op, keys } });
    });
  return { read: (keys) => ask('read', keys), write: (keys) => ask('write', keys) };
}

/** Notes when all that this process changed is known to be in Redis, and when it is not. */
function watch() {
  let clean;
  const look = () => {
    const now = operations.isClean();
    if (now === clean) return;
    clean = now;
    recorder.line('s', micros(), clean);
  };
  cache.on('connection', look);
  setInterval(look, WATCH_MS).unref();
  look();
  let last = micros();
  let used = process.cpuUsage();
  setInterval(() => {
    const now = micros();
    const { user, system } = process.cpuUsage(used);
    if (now - last > BLOCKED_MS * 1_000 && user + system > 0.7 * (now - last)) recorder.line('b', last, now);
    last = now;
    used = process.cpuUsage();
  }, WATCH_MS).unref();
}

let running = false;
/** @type {Promise<void>[]} */
let lanes = [];

serve({
  start(wanted) {
    running = true;
    lanes = wanted.map((lane) => runLane(lane, `${config.seed}:${config.name}`, operations, () => running));
  },
  /** Answers what does not come to its end. */
  async stop() {
    running = false;
    operations.loadsFail = false;
    let over = false;
    Promise.all(lanes).then(() => {
      over = true;
    });
    await until(() => over, 10_000, 20);
    return [...recorder.open.values()];
  },
  async readAll() {
    const before = cache.stats().loads;
    await operations.readAll();
    await cache.idle();
    recorder.flush();
    return cache.stats().loads - before;
  },
  isCalm: () => operations.isClean() && cache.stats().redis.bus.lease,
  stats: () => cache.stats(),
  flush: () => recorder.flush(),
  async close() {
    await app.close();
    recorder.close();
  },
});
tell('ready');
