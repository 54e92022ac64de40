import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** Runs a script of this repository. */
export const execute = (script, ...args) => promisify(execFile)(process.execPath, [script, ...args], { cwd: ROOT });
