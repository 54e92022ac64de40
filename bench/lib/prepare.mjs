/** What must be there before a case can run: the peers, the build, Redis. */
import { spawn } from 'node:child_process';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

export const BENCH = new URL('../', import.meta.url);
export const ROOT = new URL('../../', import.meta.url);

/** @param {URL} url */
const modified = (url) =>
  stat(url)
    .then((found) => found.mtimeMs)
    .catch(() => 0);
/** @param {URL} url */
const readJson = async (url) => JSON.parse(await readFile(url, 'utf8'));

/**
 * @param {string[]} args
 * @param {URL} cwd
 */
function npm(args, cwd) {
  return new Promise((resolve, reject) => {
    // npm says where it lives when it started us; otherwise it is on the PATH.
    const script = process.env.npm_execpath;
    const [command, first] = script ? [process.execPath, [script]] : ['npm', []];
    const child = spawn(command, [...first, ...args], { cwd: fileURLToPath(cwd), stdio: ['ignore', 2, 2] });
    child.on('error', reject);
    child.on('exit', (code) =>
      code === 0 ? resolve() : reject(new Error(`npm ${args.join(' ')} exited with ${code}`)),
    );
  });
}

/** Installs the peers when their versions are not the ones the lock file names. */
export async function ensurePeers() {
  const wanted = (await readJson(new URL('package-lock.json', BENCH))).packages;
  const matches = Object.entries(wanted).map(async ([path, { version, optional }]) => {
    if (path === '') return true;
    const installed = await readJson(new URL(`${path}/package.json`, BENCH)).catch(() => undefined);
    return installed?.version === version || optional === true;
  });
  if ((await Promise.all(matches)).every(Boolean)) return;
  process.stderr.write('installing the peers (npm ci in bench/)\n');
  await npm(['ci', '--no-audit', '--no-fund'], BENCH);
}

/** Builds the package when a source is newer than the build. */
export async function ensureBuild() {
  const built = await modified(new URL('dist/index.js', ROOT));
  const sources = await readdir(new URL('src/', ROOT), { recursive: true, withFileTypes: true });
  const times = sources
    .filter((entry) => entry.isFile())
    .map((entry) => modified(pathToFileURL(join(entry.parentPath, entry.name))));
  if (built > Math.max(...(await Promise.all(times)))) return;
  process.stderr.write('building nestjs-strata (npm run build)\n');
  await npm(['run', 'build'], ROOT);
}

/** The client for PostgreSQL is that of the example shop: generated and compiled when its schema is newer. */
export async function ensureClient() {
  const built = await modified(new URL('examples/storefront/dist/generated/prisma/client.js', ROOT));
  if (built > (await modified(new URL('prisma/schema.prisma', ROOT)))) return;
  const { build } = await import('../../scripts/demo/storefront.mjs');
  await build((line) => process.stderr.write(`${line}\n`));
}

/**
 * REDIS_URL and DATABASE_URL, else the services of the repository's tests. The database is one of this run alone.
 * @param {{ database: boolean }} needs
 * @returns {Promise<{ redisUrl: string, databaseUrl?: string, stop(): Promise<void> }>}
 */
export async function ensureServices({ database }) {
  if (process.env.REDIS_URL && !database) return { redisUrl: process.env.REDIS_URL, stop: async () => {} };
  const { startServices } = await import('../../scripts/services/index.mjs');
  const { redisUrl, databaseUrl, stop } = await startServices();
  return { redisUrl, databaseUrl, stop };
}

/** @param {string} databaseUrl */
export async function postgresVersion(databaseUrl) {
  const { default: pg } = await import('pg');
  const client = new pg.Client(databaseUrl);
  await client.connect();
  const { rows } = await client.query('SHOW server_version');
  await client.end();
  return rows[0].server_version;
}

/** Peers of the rows about write-behind: dependencies of the repository itself. */
const OWN_PEERS = ['bullmq', '@prisma/client', '@prisma/adapter-pg', 'pg'];

/** Versions of everything compared, as installed. */
export async function readVersions({ database }) {
  const { dependencies } = await readJson(new URL('package.json', BENCH));
  const read = async (name, folder) => [
    name,
    (await readJson(new URL(`node_modules/${name}/package.json`, folder))).version,
  ];
  const versions = Object.keys(dependencies).map((name) => read(name, BENCH));
  if (database) versions.push(...OWN_PEERS.map((name) => read(name, ROOT)));
  const own = await readJson(new URL('package.json', ROOT));
  return { [own.name]: own.version, ...Object.fromEntries(await Promise.all(versions)) };
}
