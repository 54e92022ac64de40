// Small tools for processes, ports and waiting, shared by everything in this folder.

import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Asks until the answer is truthy. Waiting for a condition, never for a fixed time.
 * @template T
 * @param {() => T | Promise<T>} condition
 * @param {number} deadlineMs
 * @returns {Promise<T | undefined>} the answer, or undefined when the deadline has passed
 */
export async function until(condition, deadlineMs) {
  const deadline = Date.now() + deadlineMs;
  for (;;) {
    const answer = await condition();
    if (answer) return answer;
    if (Date.now() > deadline) return undefined;
    await sleep(25);
  }
}

/**
 * @param {number} pid
 * @returns {boolean}
 */
export function isAlive(pid) {
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM: there is such a process, it only belongs to someone else.
    return /** @type {NodeJS.ErrnoException} */ (error).code === 'EPERM';
  }
  return !isZombie(pid);
}

// In a container whose first process reaps nobody, an ended orphan stays in the process table for ever.
/** @param {number} pid */
function isZombie(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).startsWith('Z');
  } catch {
    return false; // no /proc on this system
  }
}

/**
 * Ends a process and returns when it is gone: politely first, by force after the grace period.
 * @param {number} pid
 * @param {NodeJS.Signals} signal
 * @param {number} [graceMs]
 */
export async function endProcess(pid, signal, graceMs = 10_000) {
  const gone = () => !isAlive(pid);
  signalProcess(pid, signal);
  if (await until(gone, graceMs)) return;
  signalProcess(pid, 'SIGKILL');
  if (!(await until(gone, 5_000))) throw new Error(`Process ${pid} did not end, not even on SIGKILL.`);
}

/**
 * @param {number} pid
 * @param {NodeJS.Signals} signal
 */
function signalProcess(pid, signal) {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'ESRCH') throw error;
  }
}

/**
 * A port nobody listens on right now: the preferred one, else any. Somebody may take it before the caller does, so
 * callers try again with another one.
 * @param {number} [preferred]
 * @returns {Promise<number>}
 */
export async function freePort(preferred = 0) {
  try {
    return await bindOnce(preferred);
  } catch (error) {
    if (preferred === 0) throw error;
    return bindOnce(0);
  }
}

/**
 * @param {number} port
 * @returns {Promise<number>}
 */
function bindOnce(port) {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => {
      const address = /** @type {import('node:net').AddressInfo} */ (server.address());
      server.close(() => resolve(address.port));
    });
  });
}

/**
 * Where the shell would find a command.
 * @param {string} command
 * @returns {string | undefined}
 */
export function which(command) {
  const folders = (process.env.PATH ?? '').split(delimiter).filter(Boolean);
  return folders.map((folder) => join(folder, command)).find((file) => existsSync(file));
}

/**
 * Runs a command to its end.
 * @param {string} command
 * @param {string[]} args
 * @param {{ timeoutMs?: number, env?: NodeJS.ProcessEnv, cwd?: string, uid?: number, gid?: number }} [options]
 * @returns {Promise<{ ok: boolean, output: string }>} never rejects; `output` is stdout, or what went wrong
 */
export function run(command, args, { timeoutMs = 0, ...options } = {}) {
  return new Promise((resolve) => {
    execFile(
      command,
      args,
      { timeout: timeoutMs, maxBuffer: 64 * 1024 * 1024, ...options },
      (error, stdout, stderr) => {
        if (error) resolve({ ok: false, output: stderr.trim() || stdout.trim() || error.message });
        else resolve({ ok: true, output: stdout.trim() });
      },
    );
  });
}
