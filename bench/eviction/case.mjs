/**
 * One subject, one process: hit ratio, and CPU time per request. What a request does is what a cache does: it reads, and stores what was
 * not there. Started by run.mjs, which sends it one cell after the other and gets its result.
 */
import { readFile } from 'node:fs/promises';
import { SUBJECTS } from './subjects.mjs';

const make = await SUBJECTS[process.argv[2]]();

/** So long is measured at least, and played before that for the compiler of V8; short workloads run several times. Of CPU time. */
const LEAST_MICROS = 250_000;

function play(cache, keys, names, values) {
  let hits = 0;
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i];
    if (cache.get(names[key]) === undefined) cache.set(names[key], values[key]);
    else hits++;
  }
  return hits;
}

/** Plays for long enough; what came out of the last time, and nanoseconds per request of the whole. */
function playOn(capacity, { keys, names, values }) {
  let [micros, requests, hits] = [0, 0, 0];
  while (micros < LEAST_MICROS) {
    const before = process.cpuUsage();
    hits = play(make(capacity), keys, names, values);
    const { user, system } = process.cpuUsage(before);
    micros += user + system;
    requests += keys.length;
  }
  return { hitRatio: hits / keys.length, nanos: (micros * 1_000) / requests };
}

let loaded;
async function measure({ file, distinct, capacity }) {
  if (loaded?.file !== file) {
    const bytes = await readFile(file);
    const keys = new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
    const names = Array.from({ length: distinct }, (_, i) => `product:${i}`);
    loaded = { file, keys, names, values: names.map((_, value) => ({ bytes: 1, value })) };
    playOn(capacity, loaded); // warm-up
  }
  return playOn(capacity, loaded);
}

process.on('message', async (cell) => process.send(await measure(cell)));
