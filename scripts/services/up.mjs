// `services up | down | status`: servers that stay, with their data in `.services/`.

import { createHash } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { composeAnswers, composeDown, composeUp } from './compose.mjs';
import { canReach, postgresUser, startPostgres } from './postgres.mjs';
import { createDatabase } from './probe.mjs';
import { endProcess, isAlive } from './processes.mjs';
import { findRedisServer, startRedis } from './redis.mjs';
import { alone, FOLDER, isRunning, readState, STATE, writeState } from './state.mjs';

/** @typedef {'postgres' | 'redis'} Kind */
/** @typedef {import('./state.mjs').KeptServer} KeptServer */
/** @typedef {(line: string) => void} Log */

const KINDS = /** @type {Kind[]} */ (['postgres', 'redis']);
const NAME = { postgres: 'PostgreSQL', redis: 'Redis' };
const VARIABLE = { postgres: 'DATABASE_URL', redis: 'REDIS_URL' };
// Next to the usual ports, which a server of the system may want; another one is taken when these are not free.
const PREFERRED_PORT = { postgres: 5433, redis: 6380 };

/**
 * Starts what does not run yet.
 * @param {Log} log
 * @returns {Promise<string[]>} the lines to copy: DATABASE_URL=... and REDIS_URL=...
 */
export function up(log) {
  return alone(async () => {
    const state = await readState();
    const lines = [];
    for (const kind of KINDS) lines.push(`${VARIABLE[kind]}=${await urlOf(kind, state, log)}`);
    return lines;
  });
}

/**
 * @param {Kind} kind
 * @param {import('./state.mjs').State} state
 * @param {Log} log
 */
async function urlOf(kind, state, log) {
  const given = process.env[VARIABLE[kind]];
  if (given) {
    log(`${NAME[kind]}: ${VARIABLE[kind]} is set, so nothing is started`);
    return given;
  }
  let server = state[kind];
  if (server && (await isRunning(kind, server))) {
    log(`${NAME[kind]}: runs already (${describe(server)})`);
  } else {
    server = (await startContainer(kind, log)) ?? (await startProcess(kind, state, log));
    state[kind] = server;
    await writeState(state);
    log(`${NAME[kind]}: started (${describe(server)})`);
  }
  return kind === 'postgres' ? createDatabase(server.url, 'strata') : server.url;
}

/**
 * Stops what `up` has started, and only that. The data stays.
 * @param {Log} log
 */
export function down(log) {
  return alone(async () => {
    const state = await readState();
    for (const kind of KINDS) {
      const kept = state[kind];
      if (kept && (await isRunning(kind, kept))) {
        if (kept.pid === undefined) await composeDown(undefined, [kind]);
        else await endProcess(kept.pid, kind === 'postgres' ? 'SIGINT' : 'SIGTERM', 30_000);
        log(`${NAME[kind]}: stopped (${describe(kept)})`);
      } else if (kept?.pid !== undefined && isAlive(kept.pid)) {
        // Maybe it hangs, maybe the pid belongs to another program by now: not ours to decide.
        log(`${NAME[kind]}: process ${kept.pid} does not answer as the server started here, and is left alone`);
      } else {
        log(`${NAME[kind]}: was not running`);
      }
      if (kept) state[kind] = { origin: kept.origin, url: kept.url };
    }
    await writeState(state);
  });
}

/** @returns {Promise<string[]>} one line per server */
export async function status() {
  const state = await readState();
  return Promise.all(
    KINDS.map(async (kind) => {
      const kept = state[kind];
      const text = kept && (await isRunning(kind, kept)) ? `running (${describe(kept)})` : 'not running';
      return `${NAME[kind].padEnd(11)}${text}`;
    }),
  );
}

/** @param {KeptServer} server */
function describe({ pid, url }) {
  return `${pid === undefined ? 'Docker Compose' : `pid ${pid}`}, ${new URL(url).host}`;
}

/**
 * @param {Kind} kind
 * @param {Log} log
 * @returns {Promise<KeptServer | undefined>}
 */
async function startContainer(kind, log) {
  if (!(await composeAnswers())) return undefined;
  try {
    const url = (await composeUp([kind], {}))[kind];
    return url ? { origin: 'compose', url } : undefined;
  } catch (error) {
    log(`${NAME[kind]}: Docker Compose could not (${/** @type {Error} */ (error).message}), trying a local process`);
    return undefined;
  }
}

/**
 * @param {Kind} kind
 * @param {import('./state.mjs').State} state
 * @param {Log} log
 * @returns {Promise<KeptServer>}
 */
async function startProcess(kind, state, log) {
  const kept = state[kind];
  if (kept?.pid !== undefined && isAlive(kept.pid)) {
    throw new Error(
      `${NAME[kind]}: process ${kept.pid}, started by an earlier "up", does not answer.\n` +
        `  End it (kill ${kept.pid}), or delete ${STATE} if that process is something else.`,
    );
  }
  /** @type {import('./launch.mjs').OnSpawn} */
  const onSpawn = ({ url, pid }) => {
    state[kind] = { origin: 'local', url, pid };
    return writeState(state); // before it is ready: should this command be killed now, `down` still knows the server
  };
  const preferredPort = Number(kept?.origin === 'local' && new URL(kept.url).port) || PREFERRED_PORT[kind];
  const folder = kind === 'redis' ? join(FOLDER, kind) : await postgresFolder(log);
  await mkdir(folder, { recursive: true });
  const { url, pid } =
    kind === 'redis'
      ? await startRedis({ folder, command: await findRedisServer(log), preferredPort, onSpawn })
      : await startPostgres({ folder, durable: true, preferredPort, onSpawn });
  return { origin: 'local', url, pid };
}

/** @param {Log} log */
async function postgresFolder(log) {
  if (await canReach(FOLDER, await postgresUser())) return join(FOLDER, 'postgres');
  // Root's own folders are closed to the user that PostgreSQL has to run as.
  const folder = join(tmpdir(), `strata-services-${createHash('sha256').update(FOLDER).digest('hex').slice(0, 12)}`);
  log(`PostgreSQL: its user cannot reach ${FOLDER}, so its data is in ${folder}`);
  return folder;
}
