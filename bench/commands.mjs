#!/usr/bin/env node
/**
 * `node bench/commands.mjs`: what an operation costs Redis, with either bus. Two processes' worth of caches: one does
 * something, one after the other; the other has read everything before, so it has to be told of changes.
 */
import 'reflect-metadata';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Servers } from '../chaos/lib/servers.mjs';
import { takeSnapshot } from '../chaos/lib/snapshot.mjs';
import { sleep } from '../chaos/lib/time.mjs';

const USAGE = `Usage: node bench/commands.mjs [--operations 2000] [--rounds 3]`;
const BUSES = ['pubsub', 'tracking'];
const VALUE = { text: 'x'.repeat(1_000) };

const { values } = parseArgs({
  options: {
    operations: { type: 'string', default: '2000' },
    rounds: { type: 'string', default: '3' },
    help: { type: 'boolean', default: false },
  },
});
const [count, rounds] = [Number(values.operations), Number(values.rounds)];
if (values.help || !(count >= 1 && rounds >= 1)) {
  console.log(USAGE);
  process.exit(values.help ? 0 : 2);
}
const log = (line) => process.stderr.write(`${line}\n`);

const set = (cache, key) => cache.set(key, VALUE, { tags: [`t:${key}`] });
const load = (cache, key) => cache.getOrLoad(key, () => VALUE, { tags: [`t:${key}`] });
/** Both have it in memory. */
const known = { before: set, other: (cache, key) => cache.get(key) };

/** @type {Record<string, { before?: Function, other?: Function, run: Function }>} */
const OPERATIONS = {
  'hit in memory': { before: set, run: (cache, key) => cache.get(key) },
  'hit in Redis': { other: set, run: (cache, key) => cache.get(key) },
  miss: { run: load },
  'miss that the other has read, too': { other: (cache, key) => cache.get(key), run: load },
  set: { ...known, run: set },
  write: {
    ...known,
    run: (cache, key) => cache.write(key, async () => VALUE, { tags: [`t:${key}`] }),
  },
  '`evict` a key': { ...known, run: (cache, key) => cache.evict(key) },
  '`expire` a key': { ...known, run: (cache, key) => cache.expire(key) },
  '`evict` a tag': { ...known, run: (cache, key) => cache.evict({ tags: [`t:${key}`] }) },
};

/** What is sent by itself, and not (or not only) in scripts, where its time is counted twice. */
const OUTER = /^(mget|eval|evalsha|client\|.*)$/;

/** Commands sent so far and µs that Redis spent on them; µs of CPU that it used for everything. */
async function look(redis, caches) {
  const stats = new Map();
  for (const [, name, calls, usec] of (await redis.info('commandstats')).matchAll(
    /cmdstat_(\S+):calls=(\d+),usec=(\d+)/g,
  ))
    stats.set(name, { calls: Number(calls), usec: Number(usec) });
  const cpu = await redis.info('cpu');
  const used = (kind) => 1e6 * Number(new RegExp(`used_cpu_${kind}:([\\d.]+)`).exec(cpu)[1]);
  const outer = [...stats].filter(([name]) => OUTER.test(name)).map(([, stat]) => stat);
  const sent = caches.map((cache) => cache.stats().redis.commands.answered);
  const calls = outer.reduce((sum, stat) => sum + stat.calls, 0);
  // The others are UNLINK and PUBLISH, which are in scripts mostly: by their average.
  const { calls: unlinks, usec } = stats.get('unlink') ?? { calls: 1, usec: 0 };
  const rest = Math.max(0, sent[0] + sent[1] - calls) * (usec / Math.max(1, unlinks));
  return { sent, time: rest + outer.reduce((sum, stat) => sum + stat.usec, 0), cpu: used('user') + used('sys') };
}

async function measure({ before, other, run }, [own, second], redis, name) {
  const keys = Array.from({ length: count }, (_, i) => `${name}:${i}`);
  const each = async (work, cache) => {
    for (const key of keys) await work?.(cache, key);
    await cache.idle();
  };
  await each(before, own);
  await each(other, second);
  await sleep(100);
  const from = await look(redis, [own, second]);
  await each(run, own);
  await sleep(100); // until the other one has heard
  const to = await look(redis, [own, second]);
  return {
    own: (to.sent[0] - from.sent[0]) / count,
    other: (to.sent[1] - from.sent[1]) / count,
    time: (to.time - from.time) / count,
    cpu: (to.cpu - from.cpu) / count,
  };
}

async function openCaches(dist, url, bus) {
  const built = (file) => import(pathToFileURL(join(dist, file)).href);
  const [{ CacheModule, CacheService }, { redisTier }] = await Promise.all([built('index.js'), built('redis.js')]);
  const open = async () => {
    class App {}
    // No echo comes in between.
    const redis = redisTier({ url, bus, bound: '1h' });
    Module({ imports: [CacheModule.forRoot({ namespace: bus, jitter: 0, redis })] })(App);
    const app = await NestFactory.createApplicationContext(App, { logger: false });
    return { cache: app.get(CacheService), close: () => app.close() };
  };
  return Promise.all([open(), open()]);
}

/** @type {Map<string, Map<string, object[]>>} by operation and bus */
const results = new Map(Object.keys(OPERATIONS).map((name) => [name, new Map(BUSES.map((bus) => [bus, []]))]));
const { dist, remove } = await takeSnapshot(log, { prisma: false });
const servers = await Servers.make(log);
try {
  await servers.start('redis');
  for (let round = 0; round < rounds; round++) {
    for (const bus of round % 2 === 0 ? BUSES : BUSES.toReversed()) {
      log(`round ${round + 1} of ${rounds}: ${bus}`);
      const apps = await openCaches(dist, servers.redisUrl, bus);
      const caches = apps.map(({ cache }) => cache);
      await servers.withRedis(async (redis) => {
        for (const [name, operation] of Object.entries(OPERATIONS))
          results
            .get(name)
            .get(bus)
            .push(await measure(operation, caches, redis, `${round}${name}`.replace(/\W/g, '-')));
      });
      for (const app of apps) await app.close();
      await servers.withRedis((redis) => redis.flushall());
    }
  }
} finally {
  await servers.end({ keep: false });
  await remove();
}

const show = (number, digits) => number.toFixed(digits).replace(/^-?0(\.0+)?$/, '0');
console.log('Redis commands and CPU per operation\n');
console.log(
  '| operation | commands, pubsub | tracking | in commands, pubsub | tracking | CPU of Redis, pubsub | tracking |',
);
console.log('| --- | --: | --: | --: | --: | --: | --: |');
for (const [name, byBus] of results) {
  // The least disturbed round: others on the machine only ever add to the times.
  const of = (bus, what) => Math.min(...byBus.get(bus).map((result) => result[what]));
  const sent = BUSES.map((bus) => {
    const other = show(of(bus, 'other'), 1);
    return `${show(of(bus, 'own'), 1)}${other === '0' ? '' : ` + ${other}`}`;
  });
  const times = ['time', 'cpu'].flatMap((what) =>
    BUSES.map((bus) => `${show(of(bus, what), what === 'time' ? 1 : 0)} µs`),
  );
  console.log(`| ${[name, ...sent, ...times].join(' | ')} |`);
}
console.log('\n`+`: commands of the other process, which has to be told.');
