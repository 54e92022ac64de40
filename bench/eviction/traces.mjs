import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { dense } from './workloads.mjs';

const run = promisify(execFile);

/**
 * Recorded requests: all files of a folder named `*.trace` or `*.trace.xz`, each a row of keys as big-endian 32-bit integers, as the
 * traces of cache2k are.
 * @param {string} folder
 * @param {number} requests at most so many of each
 * @param {(line: string) => void} log
 * @returns {Promise<import('./workloads.mjs').Workload[]>}
 */
export async function readTraces(folder, requests, log) {
  const names = (await readdir(folder)).filter((name) => /\.trace(\.xz)?$/.test(name)).sort();
  if (names.length === 0) throw new Error(`${folder} has no files named *.trace or *.trace.xz`);
  const traces = [];
  for (const name of names) {
    const bytes = await readBytes(join(folder, name), log);
    if (!bytes) continue;
    const length = Math.min(requests, Math.floor(bytes.length / 4));
    const keys = Array.from({ length }, (_, i) => bytes.readInt32BE(4 * i));
    traces.push({ ...dense(basename(name).replace(/\.trace(\.xz)?$/, ''), keys), real: true });
  }
  return traces;
}

async function readBytes(file, log) {
  if (!file.endsWith('.xz')) return await readFile(file);
  try {
    const { stdout } = await run('xz', ['-dc', file], { encoding: 'buffer', maxBuffer: 2 ** 31 });
    return stdout;
  } catch (error) {
    if (error.code !== 'ENOENT') throw error;
    log(`${file} is left out: there is no xz on the PATH (Debian: apt-get install xz-utils; macOS: brew install xz)`);
    return undefined;
  }
}
