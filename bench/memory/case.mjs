/**
 * One subject, one process, started with --expose-gc: what an entry costs besides its key and its value, how long the longest put took while
 * it filled, and how long the event loop stood still while all entries were swept. The last line of its output is the result.
 */
import { SUBJECTS } from './subjects.mjs';

const { subject, entries } = JSON.parse(process.argv[2]);

/** All of the heap and what is outside of it, after everything that can go has gone. */
function memory() {
  globalThis.gc();
  globalThis.gc();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

/**
 * Milliseconds that `run` took: time on the clock or CPU of the process, whichever is less. On a busy machine the first counts what
 * others got meanwhile, and the second is rounded to the ticks of the kernel.
 * @param {() => unknown} run
 */
function timed(run) {
  const before = process.cpuUsage();
  const start = performance.now();
  run();
  const clock = performance.now() - start;
  const { user, system } = process.cpuUsage(before);
  return Math.min(clock, (user + system) / 1_000);
}

const nextTurn = () => new Promise((resolve) => setImmediate(resolve));

const keys = new Array(entries);
// A hash is part of a text, and a text is flat, from the first look-up on: so before the measurement begins.
const looked = new Map();
for (let i = 0; i < entries; i++) {
  keys[i] = `product:${i}`;
  looked.get(keys[i]);
}
const value = Object.freeze({ name: 'one for all' });
const before = memory();
const cache = await SUBJECTS[subject](entries);
let longestPut = 0;
for (let from = 0; from < entries; from += 1_000) {
  await nextTurn();
  for (let i = from; i < Math.min(from + 1_000, entries); i++) {
    longestPut = Math.max(
      longestPut,
      timed(() => cache.set(keys[i], value)),
    );
  }
}
const bytes = (memory() - before) / entries;
if (cache.size() !== entries) throw new Error(`${subject} has ${cache.size()} entries, not ${entries}`);

// The forced collections have work left that they do beside, and in, whatever comes next.
await new Promise((resolve) => setTimeout(resolve, 1_000));

let longest = 0;
let total = 0;
let slices = 0;
cache.expire();
for (let done = false; !done; slices++) {
  await nextTurn();
  const took = timed(() => {
    done = cache.sweep();
  });
  longest = Math.max(longest, took);
  total += took;
}
if (cache.size() !== 0) throw new Error(`${subject} has ${cache.size()} entries left`);
process.stdout.write(`\n${JSON.stringify({ bytes, longestPut, longest, total, slices })}\n`);
process.exit(0);
