// Builds what is missing, and runs the shop of examples/storefront as a process of its own.
import { fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const SHOP = 'examples/storefront';

/** A shop that does not listen or end by then never will. */
const DEADLINE = 30_000;

/** Time of the newest file below the paths; 0 if there is none. */
function newest(...paths) {
  const times = paths.flatMap((path) => {
    const full = join(ROOT, path);
    const stat = statSync(full, { throwIfNoEntry: false });
    if (!stat?.isDirectory()) return stat?.mtimeMs ?? 0;
    return readdirSync(full, { recursive: true }).map((name) => statSync(join(full, name)).mtimeMs);
  });
  return Math.max(0, ...times);
}

async function execute(what, command, args) {
  const child = spawn(command, args, {
    cwd: ROOT,
    shell: process.platform === 'win32',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk));
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`${what} failed:\n${output}`);
}

/** @param {(line: string) => void} log */
export async function build(log) {
  const generated = `${SHOP}/src/generated/prisma/client.ts`;
  const tsc = createRequire(import.meta.url).resolve('typescript/package.json');
  /** In this order: each needs those before it. */
  const steps = [
    ['the package', 'dist/index.js', ['src'], 'npm', ['run', 'build']],
    ['the Prisma client', generated, ['prisma/schema.prisma'], process.execPath, ['scripts/prisma-generate.mjs']],
    [
      'the storefront',
      `${SHOP}/dist/main.js`,
      [`${SHOP}/src`, 'dist'],
      process.execPath,
      [join(dirname(tsc), 'bin/tsc'), '-p', SHOP],
    ],
    [
      'the snapshot of the catalogue',
      `${SHOP}/dist/catalogue.json`,
      ['prisma/films.mjs', 'prisma/snapshot.mjs'],
      process.execPath,
      ['prisma/snapshot.mjs'],
    ],
  ];
  for (const [what, output, inputs, command, args] of steps) {
    if (newest(output) > newest(...inputs)) continue;
    log(`Building ${what}`);
    await execute(`Building ${what}`, command, args);
  }
}

/**
 * @typedef {object} Shop
 * @property {string} origin such as http://127.0.0.1:3000
 * @property {Promise<void>} ended when the process is gone
 * @property {() => Promise<void>} stop
 * @property {() => Promise<void>} kill without warning: it has no chance to do anything any more
 */

/**
 * @param {Record<string, string>} env what the shop is told (see examples/storefront/src/settings.ts)
 * @param {(chunk: Buffer) => void} [hear] gets what it says once it listens: its warnings are worth reading
 * @returns {Promise<Shop>}
 */
export async function startStorefront(env, hear = (chunk) => process.stderr.write(chunk)) {
  const child = fork(join(ROOT, SHOP, 'dist/main.js'), {
    env: { ...process.env, NODE_ENV: 'production', ...env },
    execArgv: ['--enable-source-maps', '--import', new URL('./end-with-parent.mjs', import.meta.url).href],
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  let said = '';
  const ended = once(child, 'exit').then(() => {});
  const origin = await new Promise((resolve, reject) => {
    const timer = setTimeout(() => fail('does not listen'), DEADLINE);
    const fail = (what) => {
      clearTimeout(timer);
      child.kill('SIGKILL');
      reject(new Error(`The storefront ${what}${said === '' ? '' : `:\n${said}`}`));
    };
    let listening = false;
    const listen = (chunk) => {
      if (listening) return hear(chunk);
      said += chunk;
      const [, url] = /listens on (\S+)/.exec(said) ?? [];
      if (url === undefined) return;
      listening = true;
      clearTimeout(timer);
      resolve(url);
    };
    child.stdout.on('data', listen);
    child.stderr.on('data', listen);
    child.on('close', (code, signal) => fail(`ended at its start (${signal ?? `code ${code}`})`));
  });
  const stop = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGTERM');
    const force = setTimeout(() => child.kill('SIGKILL'), DEADLINE);
    await ended;
    clearTimeout(force);
  };
  const kill = async () => {
    child.kill('SIGKILL');
    await ended;
  };
  return { origin, ended, stop, kill };
}
