// Starts one server process, the same way for Postgres and Redis: own log file, own session, ready when the server
// itself confirms its pid.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { endProcess, freePort, until } from './processes.mjs';

const READY_WITHIN_MS = 30_000;
const PORTS_TO_TRY = 5;

/**
 * @typedef {object} Server
 * @property {string} url
 * @property {number} pid
 * @property {() => Promise<void>} stop
 */

/**
 * @typedef {object} LaunchPlan
 * @property {string} name how to call it in messages
 * @property {string} command
 * @property {(port: number) => string[]} args
 * @property {(port: number) => string} url
 * @property {(url: string) => Promise<number | undefined>} askPid
 * @property {string} folder where it runs and where its log goes
 * @property {number} [preferredPort]
 * @property {NodeJS.Signals} stopSignal
 * @property {{ uid?: number, gid?: number }} [user]
 */

/** @typedef {(server: Server) => unknown} OnSpawn is told of a process that somebody has to end, before it is ready */

/**
 * @param {LaunchPlan} plan
 * @param {OnSpawn} onSpawn
 * @returns {Promise<Server>}
 */
export async function launch(plan, onSpawn) {
  const logFile = `${plan.folder}/${plan.name.toLowerCase()}.log`;
  for (let attempt = 1; ; attempt++) {
    const port = await freePort(attempt === 1 ? plan.preferredPort : 0);
    const outcome = await attemptOn(port, plan, logFile, onSpawn);
    if (typeof outcome === 'object') return outcome;
    // Between our look and the start of the server somebody else may have taken the port.
    if (attempt < PORTS_TO_TRY && /address (already )?in use/i.test(outcome)) continue;
    throw new Error(`${plan.name} did not start: ${outcome}`);
  }
}

/**
 * @param {number} port
 * @param {LaunchPlan} plan
 * @param {string} logFile
 * @param {OnSpawn} onSpawn
 * @returns {Promise<Server | string>} the server, or why it did not start
 */
async function attemptOn(port, plan, logFile, onSpawn) {
  const log = openSync(logFile, 'w');
  const child = spawn(plan.command, plan.args(port), {
    cwd: plan.folder,
    // Of the user's environment only what is needed: PGDATA and the like would redirect the server.
    env: { PATH: process.env.PATH, LC_ALL: 'C', TZ: 'UTC' },
    stdio: ['ignore', log, log],
    detached: true,
    ...plan.user,
  });
  closeSync(log);
  /** @type {string | undefined} */
  let ended;
  child.once('exit', (code, signal) => {
    ended = `it ended with ${signal ?? `code ${code}`}`;
  });
  const { pid } = child;
  if (pid === undefined) {
    const [error] = await once(child, 'error');
    return error.message;
  }
  const url = plan.url(port);
  const stop = async () => {
    if (!ended) await endProcess(pid, plan.stopSignal);
  };
  const server = { url, pid, stop };
  await onSpawn(server);
  child.unref();

  const ready = await until(async () => ended ?? (await plan.askPid(url)) === pid, READY_WITHIN_MS);
  if (ready === true) return server;
  await stop();
  const lastLines = readFileSync(logFile, 'utf8').trim().split('\n').slice(-8).join('\n    ');
  return `${ended ?? `it did not answer within ${READY_WITHIN_MS / 1000} s`}. Its log ends with:\n    ${lastLines}`;
}
