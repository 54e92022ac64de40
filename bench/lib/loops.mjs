/** The measuring loops. Every case runs in a process of its own, so `operation` is the only function these see. */
import { median, quantile } from './stats.mjs';

/** One slice is long enough for the clock and short enough that the median drops what another process disturbed. */
const SLICE_MS = 20;

/**
 * Operations per second of one caller that awaits each call before the next one.
 * @param {(index: number) => Promise<unknown>} operation
 * @param {{ ms: number, keys: number }} options indexes go round 0..keys-1
 */
export async function awaitedRate(operation, { ms, keys }) {
  const rates = [];
  const end = performance.now() + ms;
  while (performance.now() < end) {
    const started = performance.now();
    let count = 0;
    let now = started;
    while (now - started < SLICE_MS) {
      for (let i = 0; i < keys; i++) await operation(i);
      count += keys;
      now = performance.now();
    }
    rates.push((count * 1000) / (now - started));
  }
  return median(rates);
}

/**
 * The same for a synchronous call: no promise, no await.
 * @param {(index: number) => unknown} operation
 * @param {{ ms: number, keys: number }} options
 */
export function syncRate(operation, { ms, keys }) {
  const rates = [];
  const end = performance.now() + ms;
  while (performance.now() < end) {
    const started = performance.now();
    let count = 0;
    let now = started;
    while (now - started < SLICE_MS) {
      for (let i = 0; i < keys; i++) operation(i);
      count += keys;
      now = performance.now();
    }
    rates.push((count * 1000) / (now - started));
  }
  return median(rates);
}

/**
 * Several callers at once, each awaiting its own call: throughput and latency.
 * @param {(index: number) => Promise<unknown>} operation
 * @param {{ workers: number, ms: number, keys: number }} options
 * @returns {Promise<{ rate: number, p50: number, p99: number, count: number }>} operations/s and milliseconds
 */
export async function workersRate(operation, { workers, ms, keys }) {
  /** @type {number[]} */
  const latencies = [];
  let sequence = 0;
  const started = performance.now();
  const end = started + ms;
  const worker = async () => {
    let now = performance.now();
    while (now < end) {
      // 617 and 1000 share no factor: all keys are visited, never two workers on one key.
      await operation((sequence++ * 617) % keys);
      const after = performance.now();
      latencies.push(after - now);
      now = after;
    }
  };
  await Promise.all(Array.from({ length: workers }, worker));
  const elapsed = performance.now() - started;
  return {
    rate: (latencies.length * 1000) / elapsed,
    p50: quantile(latencies, 0.5),
    p99: quantile(latencies, 0.99),
    count: latencies.length,
  };
}

/**
 * CPU time of bursts, in milliseconds per burst (median), user and system of the whole process: what a burst leaves
 * behind (a fill that goes on in the background, garbage) is counted, what it merely waits for is not. Their number is
 * fixed, so that every subject's heap holds the same when it is measured.
 * @param {(burst: number) => Promise<void>} burst resolves when all of it, background work included, is done
 * @param {{ first: number, count: number }} options
 */
export async function burstCpu(burst, { first, count }) {
  const costs = [];
  for (let i = 0; i < count; i++) {
    const before = process.cpuUsage();
    await burst(first + i);
    const used = process.cpuUsage(before);
    costs.push((used.user + used.system) / 1000);
  }
  return median(costs);
}

/** @param {number} ms */
export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
