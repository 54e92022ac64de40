import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const SCRIPT = fileURLToPath(new URL('case.mjs', import.meta.url));
/** No case takes a tenth of this; a hanging one must not hold up the run. */
const DEADLINE_MS = 120_000;

/** @type {Set<import('node:child_process').ChildProcess>} */
const running = new Set();

/** Ends the cases that are still running, for when the run is interrupted. */
export function stopCases() {
  for (const child of running) child.kill('SIGKILL');
}

/**
 * @param {{ row: number, subject: string, redisUrl: string, databaseUrl?: string, namespace: string, ms: number, warmupMs: number }} instructions
 * @returns {Promise<import('../rows/scenarios.mjs').Figures>}
 */
export function runCase(instructions) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [SCRIPT, JSON.stringify(instructions)], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, NODE_ENV: 'production', NODE_OPTIONS: '' },
    });
    running.add(child);
    let output = '';
    let errors = '';
    child.stdout.on('data', (chunk) => {
      output += chunk;
    });
    child.stderr.on('data', (chunk) => {
      errors += chunk;
    });
    const deadline = setTimeout(() => child.kill('SIGKILL'), DEADLINE_MS);
    child.on('error', reject);
    child.on('close', (code, signal) => {
      clearTimeout(deadline);
      running.delete(child);
      const name = `row ${instructions.row}, ${instructions.subject}`;
      if (code !== 0) {
        reject(new Error(`${name}: ${signal ? `ended by ${signal}` : `exit code ${code}`}\n${tail(errors || output)}`));
        return;
      }
      try {
        resolve(JSON.parse(output.trimEnd().split('\n').at(-1)));
      } catch {
        reject(new Error(`${name}: no result on its last line\n${tail(output)}`));
      }
    });
  });
}

/**
 * The end of an output without the stack frames: the message is what a reader needs.
 * @param {string} text
 */
function tail(text) {
  const lines = text.split('\n').filter((line) => line.trim() !== '' && !/^\s+at /.test(line));
  return lines.slice(-8).join('\n');
}
