// Servers in containers, from the docker-compose.yml of this repository.

import { join } from 'node:path';
import { run } from './processes.mjs';

const FILE = join(import.meta.dirname, '..', '..', 'docker-compose.yml');
const PASSWORD = 'strata'; // as in docker-compose.yml

/** Inside its container each of them listens on its usual port. */
const CONTAINER_PORT = { postgres: 5432, redis: 6379 };

/** @typedef {'postgres' | 'redis'} Kind */

/** @returns {Promise<boolean>} whether there is an engine, running, with the compose plugin; asked quickly */
export async function composeAnswers() {
  const engine = await run('docker', ['info', '--format', '{{.ServerVersion}}'], { timeoutMs: 4_000 });
  return engine.ok && (await run('docker', ['compose', 'version'], { timeoutMs: 4_000 })).ok;
}

/**
 * @param {Kind[]} kinds
 * @param {object} options
 * @param {string} [options.project] a project of its own, on free ports; without it the one of the file, on its ports
 * @returns {Promise<Partial<Record<Kind, string>>>} the URLs of servers that are ready
 */
export async function composeUp(kinds, { project }) {
  const env = project ? { ...process.env, STRATA_REDIS_PORT: '0', STRATA_POSTGRES_PORT: '0' } : process.env;
  // The first time this pulls the images, which takes as long as the network needs.
  const up = await compose(project, ['up', '--detach', '--wait', ...kinds], { env, timeoutMs: 300_000 });
  if (!up.ok) throw new Error(up.output);
  /** @type {Partial<Record<Kind, string>>} */
  const urls = {};
  for (const kind of kinds) {
    const { ok, output } = await compose(project, ['port', kind, `${CONTAINER_PORT[kind]}`], { env });
    const port = /:(\d+)$/m.exec(output)?.[1];
    if (!ok || !port) throw new Error(`no published port of ${kind}: ${output}`);
    urls[kind] =
      kind === 'redis' ? `redis://127.0.0.1:${port}` : `postgresql://postgres:${PASSWORD}@127.0.0.1:${port}/postgres`;
  }
  return urls;
}

/**
 * @param {string | undefined} project a project of its own goes with its data; the shared one keeps its volumes
 * @param {Kind[]} kinds
 */
export async function composeDown(project, kinds) {
  const args = project ? ['down', '--volumes', '--timeout', '1'] : ['stop', ...kinds];
  const { ok, output } = await compose(project, args, { timeoutMs: 60_000 });
  if (!ok) throw new Error(`docker compose ${args[0]} failed: ${output}`);
}

/**
 * @param {string | undefined} project
 * @param {string[]} args
 * @param {{ env?: NodeJS.ProcessEnv, timeoutMs?: number }} options
 */
function compose(project, args, options) {
  return run('docker', ['compose', '--file', FILE, ...(project ? ['--project-name', project] : []), ...args], options);
}
