/**
 * `npm run bench -- advice`: how far what the advisor says of other sizes is from what caches of those sizes do, on recorded and generated
 * requests, and what watching costs.
 */
import { parseArgs } from 'node:util';
import { readTraces } from '../eviction/traces.mjs';
import { generate } from '../eviction/workloads.mjs';
import { ensureBuild } from '../lib/prepare.mjs';
import { table } from '../lib/table.mjs';

const { values: given } = parseArgs({
  args: process.argv.slice(3),
  options: {
    /** A folder as of `npm run bench -- eviction`. */
    traces: { type: 'string', default: process.env.TRACES },
    eviction: { type: 'string', default: 's3-fifo' },
    /** Sizes of the cache that is watched, as parts of the distinct keys. */
    sizes: { type: 'string', default: '0.01,0.05,0.1' },
    requests: { type: 'string', default: '1000000' },
    /** One key out of so many is told; default: as the advisor does for a cache of that size. */
    one: { type: 'string' },
  },
});

const FACTORS = [0.5, 0.7, 1, 1.4, 2, 4];
const log = (line) => process.stderr.write(`${line}\n`);
const points = (value) => (100 * value).toFixed(1);

await ensureBuild();
const { BoundedStore } = await import('../../dist/tiers/memory/bounded-store.js');
const { MissRatioCurve } = await import('../../dist/jobs/miss-ratio-curve.js');
const { hashKey } = await import('../../dist/tiers/memory/key-hash.js');
const { oneOf } = await import('../../dist/jobs/advise/observed-keys.js');
const { eviction } = given;

function play(keys, names, entries) {
  const store = new BoundedStore({ maxEntries: entries, maxBytes: Number.POSITIVE_INFINITY, eviction });
  let hits = 0;
  for (const key of keys) {
    if (store.get(names[key])) hits++;
    else store.set(names[key], { bytes: 1 });
  }
  return hits / keys.length;
}

/** One size of one workload: the curve of a cache that sees all requests, and its errors at several sizes, in ratios. */
function judge({ keys, distinct }, size) {
  const names = Array.from({ length: distinct }, (_, i) => `product:${i}`);
  const entries = Math.max(2, Math.round(distinct * size));
  const one = given.one ? Number(given.one) : oneOf(entries);
  const curve = new MissRatioCurve({ entries, eviction, told: 1 / one });
  const before = process.cpuUsage();
  for (const key of keys) if (hashKey(names[key]) >>> 0 < 2 ** 32 / one) curve.record(names[key]);
  if (one > 1) curve.requested(keys.length);
  const { user, system } = process.cpuUsage(before);
  const now = play(keys, names, entries);
  const cells = FACTORS.map((factor) => {
    const wanted = Math.round(entries * factor);
    const real = play(keys, names, wanted);
    // As the advisor says it: what is measured now, and what the other size gains.
    return { real, error: now + curve.hitRatioAt(wanted) - curve.hitRatioAt(entries) - real };
  });
  return { entries, rate: curve.rate, nanos: ((user + system) * 1_000) / keys.length, cells };
}

const requests = Number(given.requests);
const traces = given.traces ? await readTraces(given.traces, requests, log) : [];
const workloads = [...traces, ...generate(Math.min(requests, 400_000), 1)];
const rows = [['workload', 'entries now', 'sampled', 'cost', ...FACTORS.map((factor) => `x ${factor}`)]];
let worst = 0;
for (const workload of workloads) {
  log(workload.name);
  for (const size of given.sizes.split(',').map(Number)) {
    const { entries, rate, nanos, cells } = judge(workload, size);
    if (workload.real || traces.length === 0) worst = Math.max(worst, ...cells.map(({ error }) => Math.abs(error)));
    const shown = cells.map(({ real, error }) => `${points(real)} (${error < 0 ? '' : '+'}${points(error)})`);
    rows.push([workload.name, entries, `${(100 * rate).toFixed(0)} %`, `${nanos.toFixed(0)} ns`, ...shown]);
  }
}
console.log(
  `\nHit ratio in % at other sizes, in brackets what the advisor says too much or too little\n\n${table(rows)}`,
);
console.log(
  `\nGoal on ${traces.length > 0 ? 'recorded' : 'generated'} requests: within 2 points: ${worst <= 0.02 ? 'met' : 'NOT MET'} (worst ${points(worst)})`,
);
