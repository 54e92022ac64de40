// What `services up` has left running in this checkout: `.services/state.json`, next to the servers' data.

import { mkdir, open, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { answers, serverPid } from './probe.mjs';
import { isAlive, until } from './processes.mjs';

export const FOLDER = process.env.STRATA_SERVICES_FOLDER ?? join(import.meta.dirname, '..', '..', '.services');
export const STATE = join(FOLDER, 'state.json');
const LOCK = join(FOLDER, 'lock');

/**
 * @typedef {object} KeptServer
 * @property {'local' | 'compose'} origin
 * @property {string} url kept after `down`, so that the next `up` comes back on the same port
 * @property {number} [pid] of a local server that has been started and not been stopped
 */

/** @typedef {{ postgres?: KeptServer, redis?: KeptServer }} State */

/** @returns {Promise<State>} */
export async function readState() {
  try {
    return JSON.parse(await readFile(STATE, 'utf8'));
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code === 'ENOENT') return {};
    throw new Error(`${STATE} cannot be read (${/** @type {Error} */ (error).message}). Delete it and try again.`);
  }
}

/** @param {State} state */
export async function writeState(state) {
  await mkdir(FOLDER, { recursive: true });
  // In one step, because a test run may be reading; for the owner only, because it holds a password.
  await writeFile(`${STATE}.new`, `${JSON.stringify(state, null, 2)}\n`, { mode: 0o600 });
  await rename(`${STATE}.new`, STATE);
}

/**
 * @param {'postgres' | 'redis'} kind
 * @param {KeptServer | undefined} server
 * @returns {Promise<boolean>} whether it runs and is the one that was started here
 */
export async function isRunning(kind, server) {
  if (!server) return false;
  if (server.origin === 'compose') {
    return answers[kind](server.url).then(
      () => true,
      () => false,
    );
  }
  return server.pid !== undefined && (await serverPid[kind](server.url)) === server.pid;
}

/**
 * Only one `up` or `down` of a checkout at a time: two would start two servers on the same data.
 * @template T
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function alone(work) {
  await mkdir(FOLDER, { recursive: true });
  if (!(await until(takeLock, 120_000)))
    throw new Error(`Another "services" command is at work. If not, delete ${LOCK}`);
  try {
    return await work();
  } finally {
    await rm(LOCK, { force: true });
  }
}

async function takeLock() {
  try {
    const file = await open(LOCK, 'wx');
    await file.writeFile(`${process.pid}`);
    await file.close();
    return true;
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'EEXIST') throw error;
    const holder = Number(await readFile(LOCK, 'utf8').catch(() => ''));
    if (holder && !isAlive(holder)) await rm(LOCK, { force: true }); // it was killed
    return false;
  }
}
