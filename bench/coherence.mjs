#!/usr/bin/env node
/**
 * `node bench/coherence.mjs`: how old what readers get is, where several processes have memories of their own. Four processes
 * read the same rows by key and change one now and then (half of the changes put the row, half evict its key), while for
 * some seconds the connections over which they hear of each other break. The same for all libraries.
 */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Child } from '../chaos/lib/link.mjs';
import { Servers } from '../chaos/lib/servers.mjs';
import { takeSnapshot } from '../chaos/lib/snapshot.mjs';
import { sleep } from '../chaos/lib/time.mjs';
import { SUBJECTS } from './coherence/subjects.mjs';
import { ensurePeers } from './lib/prepare.mjs';

const MEMBER = new URL('./coherence/member.mjs', import.meta.url);
const MEMBERS = 4;
const KEYS = Array.from({ length: 300 }, (_, i) => `product:${i}`);
const LOAD = { readers: 6, pause: 3, changeEvery: 40 };
/** How old a value may be: the default `bound` of nestjs-strata. The others promise nothing. */
const BOUND_MS = 2_000;

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '20' },
    broken: { type: 'string', default: '5' },
    subjects: { type: 'string', default: Object.keys(SUBJECTS).join() },
  },
});
const [seconds, broken] = [Number(values.seconds), Number(values.broken)];
const log = (line) => process.stderr.write(`${line}\n`);

/** @returns the rows of all processes, as they were changed, and what each process saw */
async function measure(subject, servers, dist) {
  const rows = new Map(KEYS.map((key) => [key, 1]));
  const answer = async ({ db, op, key }, child) => {
    await sleep(4 * Math.random());
    if (op === 'write') rows.set(key, rows.get(key) + 1);
    const version = rows.get(key);
    await sleep(4 * Math.random());
    child.answer({ db, version });
  };
  const settings = { subject, dist, redisUrl: servers.redisUrl, ttl: 600_000, keys: KEYS };
  const file = join(servers.folder, 'logs', `${subject}.log`);
  const members = Array.from({ length: MEMBERS }, (_, i) => new Child(`${i}`, MEMBER, settings, file, answer));
  const all = (method, ...args) => Promise.all(members.map((member) => member.call(method, ...args)));
  try {
    const ready = await Promise.all(members.map((member) => member.ready));
    if (!ready.every(Boolean)) throw new Error(`${subject} does not start: see ${file}`);
    await all('start', LOAD);
    await sleep((1_000 * (seconds - broken)) / 2);
    await servers.withRedis(async (redis) => {
      const end = performance.now() + 1_000 * broken;
      while (performance.now() < end) {
        await redis.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
        await sleep(250);
      }
    });
    await sleep((1_000 * (seconds - broken)) / 2);
    await all('stop');
    await sleep(2 * BOUND_MS);
    const during = await all('take');
    await all('readAll');
    return { rows, during, after: await all('take') };
  } finally {
    await Promise.all(members.map((member) => member.kill()));
    await servers.withRedis((redis) => redis.flushall());
  }
}

/** From when on each version of a row should have been read by all. */
function changesByKey(during) {
  const byKey = new Map(KEYS.map((key) => [key, []]));
  for (const { changes } of during) for (const change of changes) byKey.get(change[1]).push(change);
  for (const changes of byKey.values()) changes.sort((a, b) => a[0] - b[0]);
  return byKey;
}

function judge(subject, { rows, during, after }) {
  const changes = changesByKey(during);
  let [reads, stale, late, longest, failures] = [0, 0, 0, 0, 0];
  for (const seen of during) {
    failures += seen.failures;
    for (const [begin, key, version] of seen.reads) {
      reads++;
      const newer = changes.get(key).find((change) => change[2] > version);
      const age = newer ? (begin - newer[0]) / 1_000 : 0;
      if (age <= 0) continue;
      stale++;
      if (age > BOUND_MS) late++;
      longest = Math.max(longest, age);
    }
  }
  const forEver = after.flatMap((seen) => seen.reads).filter(([, key, version]) => version < rows.get(key)).length;
  const count = [...changes.values()].reduce((sum, list) => sum + list.length, 0);
  return [SUBJECTS[subject].name, count, reads, stale, late, `${Math.round(longest)} ms`, forEver, failures];
}

const HEAD = [
  'library',
  'changes',
  'reads',
  'stale reads',
  `beyond ${BOUND_MS / 1_000} s`,
  'longest staleness',
  `stale for ever (of ${MEMBERS * KEYS.length})`,
  'errors',
];

function show(results) {
  const cells = [HEAD, ...results].map((row) => row.map((cell) => cell.toLocaleString('en-US')));
  const widths = HEAD.map((_, i) => Math.max(...cells.map((row) => row[i].length)));
  const line = (row) => row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join('  ');
  return [line(cells[0]), '-'.repeat(line(cells[0]).length), ...cells.slice(1).map(line)].join('\n');
}

await ensurePeers();
const snapshot = await takeSnapshot(log, { prisma: false });
const servers = await Servers.make(log);
const results = [];
try {
  await servers.start('redis');
  for (const subject of values.subjects.split(',')) {
    log(`${subject}: ${seconds} s, for ${broken} s of them the connections that hear break every 250 ms`);
    results.push(judge(subject, await measure(subject, servers, snapshot.dist)));
  }
  console.log(`\n${show(results)}`);
} finally {
  await servers.end({ keep: false });
  await snapshot.remove();
}
