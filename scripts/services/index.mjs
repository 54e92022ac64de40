// Real PostgreSQL and Redis for tests, the demo and benchmarks.
//
//   const services = await startServices();
//   ... services.databaseUrl, services.redisUrl, services.namespace ...
//   await services.stop();

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

/** @typedef {import('./keeper.mjs').Origin} Origin */

/**
 * @typedef {object} Services
 * @property {string} databaseUrl a database of this run alone
 * @property {string} redisUrl may be shared with others: write below `namespace` only, and never flush it
 * @property {{ databaseUrl: string, redisUrl: string }[]} more as many further pairs as were asked for
 * @property {string} namespace random; the keys that contain it are deleted from a shared Redis at the end
 * @property {{ postgres: Origin, redis: Origin }} origin where each was found
 * @property {number[]} pids the processes of this run: the keeper first, then the local servers
 * @property {string} [directory] the temporary folder of local servers
 * @property {() => Promise<void>} stop takes away all that was started and created here; may be called more than once
 */

/**
 * Looks, for each of the two on its own: DATABASE_URL / REDIS_URL, what `services up` keeps running in this checkout,
 * Docker Compose, processes of our own. Servers that this call starts belong to it alone and end with it, however the
 * calling process ends.
 * @param {object} [options]
 * @param {(line: string) => void} [options.log]
 * @param {Origin[]} [options.origins] where to look
 * @param {number} [options.more] further databases, each with a Redis process that nobody else uses
 * @returns {Promise<Services>}
 */
export async function startServices({ log = () => {}, origins = ['env', 'up', 'compose', 'local'], more = 0 } = {}) {
  const keeper = fork(join(import.meta.dirname, 'keeper.mjs'), {
    detached: true, // a session of its own: a Ctrl-C in the terminal reaches us, and it then sees us end
    execArgv: [], // not our --inspect or --experimental-vm-modules
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  const exited = once(keeper, 'exit').catch(() => {});
  const services = await new Promise((resolve, reject) => {
    /** @type {string | undefined} */
    let failure;
    keeper.on('message', (/** @type {Record<string, any>} */ message) => {
      if (message.type === 'log') log(message.line);
      if (message.type === 'ready') resolve(message.services);
      if (message.type === 'failed') failure = message.message; // thrown once it has cleaned up
    });
    let crash = ''; // only what happens before it can tell us, such as a package that is not installed
    keeper.stderr?.setEncoding('utf8').on('data', (text) => {
      crash += text;
    });
    // 'close', not 'exit': only then have all its messages arrived.
    keeper.once('close', () => reject(new Error(failure ?? `The services could not be started (npm ci?):\n${crash}`)));
    keeper.once('error', reject);
    keeper.send({ type: 'start', origins, more }, () => {});
  });
  // From here on it must not keep this process alive: when this process ends, that is its sign to clean up.
  keeper.unref();
  keeper.channel?.unref();
  /** @type {import('node:net').Socket | null} */ (keeper.stderr)?.unref();

  /** @type {Promise<void> | undefined} */
  let stopping;
  const stop = async () => {
    if (keeper.exitCode !== null || keeper.signalCode !== null) return;
    keeper.ref();
    if (keeper.connected) keeper.send({ type: 'stop' }, () => {});
    await exited;
  };
  return { ...services, stop: () => (stopping ??= stop()) };
}
