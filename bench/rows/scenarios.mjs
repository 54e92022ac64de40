/**
 * The scenarios the rows are made of: prime, warm up, measure, check. Each takes an opened subject and gives figures.
 *
 * @typedef {import('../lib/subject.mjs').Handle} Handle
 * @typedef {object} Context
 * @property {number} ms how long to measure
 * @property {number} warmupMs
 * @property {ReturnType<typeof import('../lib/source.mjs').createSource>} source
 * @property {number} maxEntries bound of the memory tier
 * @property {string} redisUrl
 * @typedef {object} Figures
 * @property {number} value the figure of the row, in its unit
 * @property {number} [p50] milliseconds
 * @property {number} [p99] milliseconds
 * @property {number} [loads] calls of the source per burst
 * @property {number} [cpu] µs of this process per row
 * @property {number} [keysInRedis] at least so many keys must be found there
 */
import { isDeepStrictEqual } from 'node:util';
import { check, checkValues, createWitness } from '../lib/check.mjs';
import { awaitedRate, burstCpu, sleep, syncRate, workersRate } from '../lib/loops.mjs';
import { keyOf, product } from '../lib/product.mjs';
import { median } from '../lib/stats.mjs';

/** Keys in play: more than one inline cache line, fewer than any bound. */
export const KEYS = 1000;
/** Callers that start in the same tick in the rows about misses. */
const CALLERS = 1000;
/** Time to reckon with for a burst when the length of a measurement is turned into a number of bursts. */
const BURST_MS = { 'one key': 10, 'distinct keys': 25 };
/** What a subject may still be doing after it answered, if it cannot say when it is done. */
const SETTLE_MS = 3;

const keys = Array.from({ length: KEYS }, (_, i) => keyOf(i));
const values = Array.from({ length: KEYS }, (_, i) => product(i));

/**
 * Row 1: one caller, memory, through get-or-load, awaited. Keys are ready-made strings.
 * @param {Handle} handle @param {Context} context @returns {Promise<Figures>}
 */
export async function memoryHit(handle, { ms, warmupMs, source }) {
  // All at once: one after the other they would wait for the pretended database a thousand times.
  await Promise.all(keys.map((key) => handle.read(key)));
  await checkValues(handle, KEYS);
  const loads = source.loads;
  const witness = createWitness();
  const operation = (i) => handle.read(keys[i]);
  const loop = async (i) => witness.see(await operation(i), i);
  for (let i = 0; i < KEYS; i++) await loop(i);
  await awaitedRate(operation, { ms: warmupMs, keys: KEYS });
  const value = await awaitedRate(operation, { ms, keys: KEYS });
  for (let i = 0; i < KEYS; i++) await loop(i);
  await checkValues(handle, KEYS);
  witness.assert();
  check(source.loads === loads && loads === KEYS, `${source.loads} loads where ${KEYS} were due: not all were hits`);
  return { value };
}

/**
 * Row 2: the synchronous look into memory.
 * @param {Handle} handle @param {Context} context @returns {Promise<Figures>}
 */
export async function memoryPeek(handle, { ms, warmupMs }) {
  for (let i = 0; i < KEYS; i++) await handle.write(keys[i], product(i));
  const witness = createWitness();
  const operation = (i) => witness.see(handle.peek(keys[i]), i);
  syncRate(operation, { ms: warmupMs, keys: KEYS });
  const value = syncRate(operation, { ms, keys: KEYS });
  witness.assert();
  return { value };
}

/**
 * Row 3: nanoseconds a decorated call takes longer than the baseline; both in one process, in turns, because the
 * difference is smaller than what two processes differ by.
 * @param {{ baseline(id: number): Promise<unknown>, decorated(id: number): Promise<unknown> }} handle
 * @param {Context} context @returns {Promise<Figures>}
 */
export async function decoratorOverhead(handle, { ms, warmupMs, source }) {
  for (const call of [handle.baseline, handle.decorated]) {
    await Promise.all(values.map((_, i) => call(i)));
    for (const [i, value] of values.entries()) {
      check(isDeepStrictEqual(await call(i), value), `call ${i} gave another value`);
    }
  }
  const loads = source.loads;
  const pairs = async (duration) => {
    const differences = [];
    const end = performance.now() + duration;
    while (performance.now() < end) {
      const baseline = await awaitedRate(handle.baseline, { ms: 1, keys: KEYS });
      const decorated = await awaitedRate(handle.decorated, { ms: 1, keys: KEYS });
      differences.push(1e9 / decorated - 1e9 / baseline);
    }
    return median(differences);
  };
  await pairs(warmupMs);
  const value = await pairs(ms);
  check(source.loads === loads && loads <= 2 * KEYS, 'not every call was a hit');
  return { value };
}

/**
 * Rows 4 and 5: hits in Redis with no memory tier in front.
 * @param {number} workers
 */
export const redisHit =
  (workers) =>
  /** @param {Handle} handle @param {Context} context @returns {Promise<Figures>} */
  async (handle, { ms, warmupMs, source }) => {
    await Promise.all(keys.map((key, i) => handle.write(key, product(i))));
    await handle.settle?.();
    await checkValues(handle, KEYS);
    const witness = createWitness();
    const operation = async (i) => witness.see(await handle.read(keys[i]), i);
    await workersRate(operation, { workers, ms: warmupMs, keys: KEYS });
    const { rate, p50, p99 } = await workersRate(operation, { workers, ms, keys: KEYS });
    witness.assert();
    check(source.loads === 0, `${source.loads} loads where every read was to be a hit`);
    return { value: rate, p50, p99, keysInRedis: KEYS };
  };

/**
 * Rows 6 and 7: a thousand callers at once, memory and Redis both empty, then the source. CPU of the whole burst.
 * @param {'one key' | 'distinct keys'} kind
 */
export const missBurst =
  (kind) =>
  /** @param {Handle} handle @param {Context} context @returns {Promise<Figures>} */
  async (handle, { ms, warmupMs, source }) => {
    const perBurst = kind === 'one key' ? 1 : CALLERS;
    const witness = createWitness();
    const burst = async (number) => {
      const reads = new Array(CALLERS);
      for (let i = 0; i < CALLERS; i++) reads[i] = handle.read(keyOf(number * perBurst + (i % perBurst)));
      const answers = await Promise.all(reads);
      for (let i = 0; i < CALLERS; i++) witness.see(answers[i], number * perBurst + (i % perBurst));
      await handle.settle?.();
      await sleep(SETTLE_MS);
    };
    // Misses go through much more code than hits: it must be compiled before it is measured.
    const warm = 4 * Math.ceil(warmupMs / BURST_MS[kind]);
    const count = Math.ceil(ms / BURST_MS[kind]);
    await burstCpu(burst, { first: 0, count: warm });
    const loadsBefore = source.loads;
    const cpu = await burstCpu(burst, { first: warm, count });
    const loads = (source.loads - loadsBefore) / count;
    witness.assert();
    const loaded = source.loads;
    await checkValues(handle, perBurst);
    check(source.loads === loaded, 'what a burst loaded was not stored');
    check(kind === 'one key' || loads === CALLERS, `${loads} loads for ${CALLERS} keys`);
    return { value: cpu, loads, keysInRedis: (warm + count) * perBurst };
  };

/**
 * Row 8: one caller writes to memory; awaited unless the subject's write is synchronous. Twice as many keys as the
 * memory tier may hold, so every write brings a key it does not have and evicts another: what a full cache does on each
 * miss. The values are made beforehand and used again; a subject that froze its caller's objects would do its work only
 * once, and is refused.
 * @param {Handle} handle @param {Context} context @returns {Promise<Figures>}
 */
export async function memorySet(handle, { ms, warmupMs, source, maxEntries }) {
  const ring = Array.from({ length: 2 * maxEntries }, (_, i) => ({ key: keyOf(i), value: product(i) }));
  const operation = (i) => handle.write(ring[i].key, ring[i].value);
  const synchronous = !(operation(0) instanceof Promise);
  const rate = (duration) =>
    synchronous
      ? syncRate(operation, { ms: duration, keys: ring.length })
      : awaitedRate(operation, { ms: duration, keys: ring.length });
  await rate(warmupMs);
  const value = await rate(ms);
  // The loops end with the last key: the newest hundred must be there, whatever the eviction policy thinks of them.
  await checkValues(handle, ring.length, ring.length - 100);
  check(source.loads === 0, 'a value just written was not found');
  const frozen = ring.some((one) => Object.isFrozen(one.value) || Object.isFrozen(one.value.tags));
  check(!frozen, "the caller's object was frozen");
  return { value };
}

/**
 * Row 9: writes to memory and Redis.
 * @param {number} workers
 */
export const tieredSet =
  (workers) =>
  /** @param {Handle} handle @param {Context} context @returns {Promise<Figures>} */
  async (handle, { ms, warmupMs, source }) => {
    const operation = async (i) => {
      await handle.write(keys[i], values[i]);
    };
    for (let i = 0; i < KEYS; i++) await operation(i);
    await workersRate(operation, { workers, ms: warmupMs, keys: KEYS });
    const { rate, p50, p99 } = await workersRate(operation, { workers, ms, keys: KEYS });
    await handle.settle?.();
    await checkValues(handle, KEYS);
    check(source.loads === 0, 'a value written was not found');
    return { value: rate, p50, p99, keysInRedis: KEYS };
  };
