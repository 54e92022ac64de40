import { createHistogram, monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { seeded, zipf } from '../bench/eviction/workloads.mjs';

/** Answers from memory resolve without the event loop: so that timers have their turn, a caller lets it go on now and then. */
const TURN_EVERY = 64;
const WARM_UP = 0.1;
const TICK_MS = 250;

const histogram = () => createHistogram({ lowest: 1, highest: 60_000_000_000, figures: 3 });
const nextTurn = () => new Promise((resolve) => setImmediate(resolve));

/** What the callers share: which key and operation is next, and what was measured. */
class Run {
  stopped = false;
  errors = 0;
  /** @type {string | undefined} */
  firstError;

  constructor(cache, options) {
    this.cache = cache;
    this.options = options;
    this.random = seeded(options.seed);
    const { keys, distribution, skew } = options;
    this.next = distribution === 'zipf' ? zipf(keys, skew, this.random) : () => Math.floor(this.random() * keys);
    this.value = { id: 0, text: 'x'.repeat(Math.max(0, options.valueSize - 20)) };
    this.reset();
  }

  reset() {
    this.counts = { get: 0, set: 0, delete: 0 };
    this.latency = { get: histogram(), set: histogram(), delete: histogram() };
    this.tick = histogram();
  }

  pick() {
    const { get, set } = this.options.mix;
    const drawn = this.random();
    return drawn < get ? 'get' : drawn < get + set ? 'set' : 'delete';
  }

  call(operation, key) {
    if (operation === 'set') return this.cache.set(key, { ...this.value });
    if (operation === 'delete') return this.cache.evict(key);
    const { loadMs } = this.options;
    return loadMs === undefined ? this.cache.get(key) : this.cache.getOrLoad(key, () => this.load(loadMs));
  }

  async load(ms) {
    if (ms > 0) await sleep(ms);
    return { ...this.value };
  }

  async caller() {
    for (let i = 1; !this.stopped; i++) {
      const operation = this.pick();
      const key = `load:${this.next()}`;
      const start = performance.now();
      try {
        await this.call(operation, key);
      } catch (error) {
        this.errors++;
        this.firstError ??= `${error}`;
      }
      const nanos = Math.max(1, Math.round((performance.now() - start) * 1e6));
      this.counts[operation]++;
      this.latency[operation].record(nanos);
      this.tick.record(nanos);
      if (i % TURN_EVERY === 0) await nextTurn();
    }
  }
}

/**
 * Callers ask a cache for a while.
 * @param {(line: { at: number, rate: number, hitRatio: number, p99: number }) => void} onTick
 */
export async function drive(cache, options, onTick) {
  const run = new Run(cache, options);
  const callers = Array.from({ length: options.concurrency }, () => run.caller());
  await sleep(1_000 * options.duration * WARM_UP);
  run.reset();
  const delay = monitorEventLoopDelay({ resolution: 10 });
  delay.enable();
  const before = cache.stats();
  const cpuBefore = process.cpuUsage();
  const start = performance.now();
  const ticks = await watch(run, cache, start, onTick);
  const seconds = (performance.now() - start) / 1_000;
  const cpu = process.cpuUsage(cpuBefore);
  const after = cache.stats();
  run.stopped = true;
  const { counts, latency } = { counts: { ...run.counts }, latency: run.latency };
  await Promise.all(callers);
  delay.disable();
  return {
    seconds,
    ticks,
    operations: Object.entries(counts).map(([name, count]) => ({
      name,
      count,
      rate: count / seconds,
      ...times(latency[name]),
    })),
    hits: difference(after, before),
    entries: after.memory.entries,
    evictions: after.memory.evictions - before.memory.evictions,
    errors: run.errors,
    firstError: run.firstError,
    cpuShare: (cpu.user + cpu.system) / 1e6 / seconds,
    loopDelay: delay.percentile(99) / 1e6,
  };
}

/** Until the time is over; one line for each tick. */
async function watch(run, cache, start, onTick) {
  const ticks = [];
  let [last, stats, total] = [start, cache.stats(), 0];
  while (performance.now() - start < 1_000 * run.options.duration) {
    await sleep(TICK_MS);
    const now = performance.now();
    const sum = run.counts.get + run.counts.set + run.counts.delete;
    const nowStats = cache.stats();
    const { memory, redis, misses } = difference(nowStats, stats);
    const asked = memory + redis + misses;
    const tick = {
      at: (now - start) / 1_000,
      rate: (1_000 * (sum - total)) / (now - last),
      hitRatio: asked === 0 ? 0 : (memory + redis) / asked,
      memoryRatio: asked === 0 ? 0 : memory / asked,
      p50: run.tick.percentile(50) / 1e6,
      p99: run.tick.percentile(99) / 1e6,
    };
    run.tick.reset();
    [last, stats, total] = [now, nowStats, sum];
    ticks.push(tick);
    onTick(tick);
  }
  return ticks;
}

const PERCENTILES = [0, 25, 50, 75, 90, 95, 99, 99.5, 99.9, 99.99];

/** In milliseconds. */
function times(latency) {
  const at = (percentile) => (Number(latency.count) === 0 ? 0 : latency.percentile(percentile) / 1e6);
  return {
    mean: Number(latency.count) === 0 ? 0 : latency.mean / 1e6,
    p50: at(50),
    p95: at(95),
    p99: at(99),
    p999: at(99.9),
    max: Number(latency.count) === 0 ? 0 : latency.max / 1e6,
    curve: PERCENTILES.map((percentile) => [percentile, at(percentile || 0.001)]),
  };
}

const difference = (after, before) => ({
  memory: after.hits.memory - before.hits.memory,
  redis: after.hits.redis - before.hits.redis,
  misses: after.misses - before.misses,
  loads: after.loads - before.loads,
});
