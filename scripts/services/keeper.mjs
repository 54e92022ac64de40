// The keeper: a small process of its own that owns everything startServices() brings, and takes it away again when its
// parent asks, ends, is interrupted or is killed with -9. Node tells it of the parent's end by closing the channel
// between the two, so nothing has to be polled, no pid file has to be trusted, and the parent needs no signal handlers.

import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { composeAnswers, composeDown, composeUp } from './compose.mjs';
import { canReach, postgresUser, startPostgres } from './postgres.mjs';
import { answers, createDatabase, deleteKeysOf, dropDatabase, randomName, withoutPassword } from './probe.mjs';
import { findRedisServer, startRedis } from './redis.mjs';
import { isRunning, readState } from './state.mjs';

/** @typedef {'postgres' | 'redis'} Kind */
/** @typedef {'env' | 'up' | 'compose' | 'local'} Origin */
/** @typedef {{ url: string, origin: Origin, pid?: number }} Found */

const VARIABLE = /** @type {const} */ ({ postgres: 'DATABASE_URL', redis: 'REDIS_URL' });

/** What has to be done at the end, last thing first. Filled while things start, so that an early end finds them too. */
const undo = /** @type {(() => Promise<void>)[]} */ ([]);
const run = randomName();

/** @param {object} message */
function tell(message) {
  if (process.connected) process.send?.(message, () => {}); // with a callback a parent that is just ending is no error
}
const log = (/** @type {string} */ line) => tell({ type: 'log', line });

/** Others use it, too. */
const shared = (/** @type {Found} */ { origin }) => origin === 'env' || origin === 'up';

/**
 * @param {Origin[]} origins
 * @param {number} more
 */
async function start(origins, more) {
  /** @type {Partial<Record<Kind, Found>>} */
  const found = {};
  const missing = () => /** @type {Kind[]} */ (['postgres', 'redis']).filter((kind) => !found[kind]);
  if (origins.includes('env')) for (const kind of missing()) await takeFromEnvironment(kind, found);
  if (origins.includes('up')) for (const kind of missing()) await takeFromState(kind, found);
  if (origins.includes('compose') && missing().length > 0) await startInContainers(missing(), found);
  const directory = missing().length > 0 ? await startLocally(missing(), found) : undefined;

  const { postgres, redis } = /** @type {Record<Kind, Found>} */ (found);
  if (shared(postgres)) undo.push(() => dropDatabase(postgres.url, run));
  const databaseUrl = await createDatabase(postgres.url, run);
  if (shared(redis)) undo.push(() => deleteKeysOf(redis.url, run));
  // All settled, as below.
  const outcomes = await Promise.allSettled(
    Array.from({ length: more }, (_, index) => startAnother(index + 2, postgres)),
  );
  const others = outcomes.map((outcome) => {
    if (outcome.status === 'fulfilled') return outcome.value;
    throw new Error(
      `Each further worker of the tests needs a Redis process of its own: ${outcome.reason.message}\n` +
        '  Or use one worker: npm test -- --maxWorkers=1',
    );
  });
  log(
    `PostgreSQL (${postgres.origin}) ${withoutPassword(databaseUrl)}, Redis (${redis.origin}) ${withoutPassword(redis.url)}`,
  );
  return {
    databaseUrl,
    redisUrl: redis.url,
    more: others.map(({ databaseUrl, redisUrl }) => ({ databaseUrl, redisUrl })),
    namespace: run,
    origin: { postgres: postgres.origin, redis: redis.origin },
    pids: [process.pid, postgres.pid, redis.pid, ...others.map(({ pid }) => pid)].filter((pid) => pid !== undefined),
    directory,
  };
}

/**
 * @param {Kind} kind
 * @param {Partial<Record<Kind, Found>>} found
 */
async function takeFromEnvironment(kind, found) {
  const url = process.env[VARIABLE[kind]];
  if (!url) return;
  // Somebody chose it, so if it fails nothing else is tried in its place.
  await answers[kind](url).catch((error) => {
    const remedy = `Start that server, correct ${VARIABLE[kind]}, or unset it to get a server of our own.`;
    throw new Error(
      `${VARIABLE[kind]} is set, but ${withoutPassword(url)} does not answer: ${error.message}\n  ${remedy}`,
    );
  });
  found[kind] = { url, origin: 'env' };
}

/**
 * @param {Kind} kind
 * @param {Partial<Record<Kind, Found>>} found
 */
async function takeFromState(kind, found) {
  const kept = (await readState())[kind];
  if (kept && (await isRunning(kind, kept))) found[kind] = { url: kept.url, origin: 'up' };
}

/**
 * @param {Kind[]} kinds
 * @param {Partial<Record<Kind, Found>>} found
 */
async function startInContainers(kinds, found) {
  if (!(await composeAnswers())) return;
  log(`Docker Compose: starting ${kinds.join(' and ')} (the first time pulls the images) ...`);
  const down = () => composeDown(run, kinds);
  undo.push(down);
  try {
    const urls = await composeUp(kinds, { project: run });
    for (const kind of kinds) found[kind] = { url: /** @type {string} */ (urls[kind]), origin: 'compose' };
  } catch (error) {
    log(`Docker Compose could not, so local processes are tried next: ${/** @type {Error} */ (error).message}`);
    await down().catch(() => {});
    undo.splice(undo.indexOf(down), 1);
  }
}

/**
 * @param {Kind[]} kinds
 * @param {Partial<Record<Kind, Found>>} found
 * @returns {Promise<string>} the temporary folder with everything that belongs to these servers
 */
async function startLocally(kinds, found) {
  const command = kinds.includes('redis') ? await findRedisServer(log) : '';
  const directory = await mkdtemp(join(tmpdir(), 'strata-services-'));
  undo.push(() => rm(directory, { recursive: true, force: true, maxRetries: 5 }));
  await chmod(directory, 0o711); // Postgres may run as another user, who has to pass through
  log(`starting ${kinds.join(' and ')} in ${directory} ...`);
  /** @type {import('./launch.mjs').OnSpawn} */
  const onSpawn = ({ stop }) => undo.push(stop);
  // All settled, not the first failure: only then is the list of what to undo complete.
  const outcomes = await Promise.allSettled(
    kinds.map(async (kind) => {
      const folder = join(directory, kind);
      await mkdir(folder);
      if (kind === 'postgres' && !(await canReach(folder, await postgresUser()))) {
        throw new Error(`PostgreSQL cannot run as root, and its user cannot reach ${folder}. Set TMPDIR=/tmp.`);
      }
      const server =
        kind === 'postgres'
          ? await startPostgres({ folder, durable: false, onSpawn })
          : await startRedis({ folder, command, onSpawn });
      found[kind] = { url: server.url, pid: server.pid, origin: 'local' };
    }),
  );
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
  return directory;
}

/**
 * For what must not share a Redis with others of this run: a process of our own, wherever the first one was found.
 * @param {number} number
 * @param {Found} postgres
 */
async function startAnother(number, postgres) {
  const name = `${run}_${number}`;
  if (shared(postgres)) undo.push(() => dropDatabase(postgres.url, name));
  const databaseUrl = await createDatabase(postgres.url, name);
  /** @type {Partial<Record<Kind, Found>>} */
  const found = {};
  await startLocally(['redis'], found);
  const { url, pid } = /** @type {Found} */ (found.redis);
  return { databaseUrl, redisUrl: url, pid };
}

/** @type {Promise<unknown>} */
let starting = Promise.resolve();
let ending = false;

async function end() {
  if (ending) return;
  ending = true;
  await starting.catch(() => {}); // a start that is under way would otherwise leave something behind us
  for (const step of undo.reverse()) {
    await step().catch((error) => log(`while cleaning up: ${error.message}`));
  }
  process.exit();
}

/** @param {unknown} error */
function fail(error) {
  tell({ type: 'failed', message: error instanceof Error ? error.message : String(error) });
  end();
}

process.umask(0o022); // the user that runs Postgres has to read what is written here
process.on('disconnect', end);
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, end);
process.on('uncaughtException', fail);
process.on('unhandledRejection', fail);
process.on('message', (/** @type {{ type: string, origins: Origin[], more: number }} */ message) => {
  if (message.type === 'stop') return end();
  starting = start(message.origins, message.more);
  starting.then((services) => tell({ type: 'ready', services }), fail);
});
if (!process.connected) end(); // the parent was gone before we began
