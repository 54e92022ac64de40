// For services.spec.ts: processes that hold services, and what is left of those afterwards.

import { type ChildProcess, execFile, fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import pg from 'pg';
import { redisUrl } from '../support/services.js';

export interface Services {
  readonly databaseUrl: string;
  readonly redisUrl: string;
  readonly namespace: string;
  readonly origin: { readonly postgres: string; readonly redis: string };
  readonly pids: readonly number[];
  readonly directory: string;
}

const holders: ChildProcess[] = [];
const command = join(import.meta.dirname, '..', '..', 'scripts', 'services.mjs');

// Where there is no redis-server (only Docker or a REDIS_URL), these specs look at Postgres alone.
export const canStartRedis = (process.env.PATH ?? '')
  .split(delimiter)
  .some((path) => existsSync(join(path, 'redis-server')));

/** Nothing to find but what can be started here: no given URLs, no Docker engine, no `services up`. */
export const LOCAL_ONLY: NodeJS.ProcessEnv = {
  DATABASE_URL: undefined,
  REDIS_URL: canStartRedis ? undefined : redisUrl(),
  DOCKER_CONTEXT: undefined,
  DOCKER_HOST: 'unix:///nonexistent',
  STRATA_SERVICES_FOLDER: join(tmpdir(), 'strata-nothing-is-up-here'),
};

/** A process that calls startServices(). */
export function start(env: NodeJS.ProcessEnv): ChildProcess {
  const holder = fork(join(import.meta.dirname, 'hold-services.mjs'), {
    env: { ...process.env, ...env },
    execArgv: [],
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  });
  holders.push(holder);
  return holder;
}

function outcome(holder: ChildProcess): Promise<{ services?: Services; error?: string }> {
  return new Promise((resolve, reject) => {
    holder.on('message', (message: { services?: Services; error?: string }) => {
      if (message.services ?? message.error) resolve(message);
    });
    holder.once('exit', (code, signal) => reject(new Error(`The holder ended with ${signal ?? code}.`)));
  });
}

/** A process in which startServices() has succeeded. */
export async function hold(env: NodeJS.ProcessEnv): Promise<{ holder: ChildProcess; services: Services }> {
  const holder = start(env);
  const { services, error } = await outcome(holder);
  if (!services) throw new Error(error);
  return { holder, services };
}

/** The error of a startServices() that fails. */
export async function failure(env: NodeJS.ProcessEnv): Promise<string> {
  return (await outcome(start(env))).error ?? 'it did not fail';
}

/** Has it call stop(), and waits for its end. */
export async function stop(holder: ChildProcess): Promise<void> {
  const exit = once(holder, 'exit');
  holder.send('stop');
  const [code, signal] = await exit;
  if (code !== 0) throw new Error(`The holder ended with ${signal ?? code}.`);
}

export function killAll(): void {
  for (const holder of holders.splice(0)) holder.kill('SIGKILL');
}

/** `npm run services -- <action>`, and what it prints on stdout. */
export async function services(action: string, env: NodeJS.ProcessEnv): Promise<string> {
  return (await promisify(execFile)(process.execPath, [command, action], { env: { ...process.env, ...env } })).stdout;
}

/** The addresses of the servers that were started for this run alone. */
export function ownServers({ databaseUrl, redisUrl, origin }: Services): string[] {
  return [new URL(databaseUrl).host, ...(origin.redis === 'local' ? [new URL(redisUrl).host] : [])];
}

/** What still exists of a run. */
export async function leftOf(services: Services): Promise<string[]> {
  const left: string[] = [];
  for (const host of ownServers(services)) if (await listens(`tcp://${host}`)) left.push(host);
  for (const pid of services.pids) if (isAlive(pid)) left.push(`process ${pid}`);
  for (const pid of processesIn(services.directory)) left.push(`process ${pid} in ${services.directory}`);
  if (existsSync(services.directory)) left.push(services.directory);
  return left;
}

export function listens(url: string): Promise<boolean> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve) => {
    const socket = connect(Number(port), hostname);
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    // An ended process that a container's first process does not reap.
    return !(existsSync('/proc') && / Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8')));
  } catch {
    return false;
  }
}

/** Processes that run in a folder, on systems that tell. */
export function processesIn(directory: string): string[] {
  if (!existsSync('/proc')) return [];
  return readdirSync('/proc').filter((entry) => {
    try {
      return /^\d+$/.test(entry) && readlinkSync(`/proc/${entry}/cwd`).startsWith(directory);
    } catch {
      return false; // ended meanwhile
    }
  });
}

export async function query(url: string, sql: string): Promise<unknown[]> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

export async function eventually(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
  for (const deadline = Date.now() + 30_000; !(await condition()); await sleep(25)) {
    if (Date.now() > deadline) throw new Error(`Waited 30 s for ${what}.`);
  }
}
