// Writes the Prisma client of the example shop: node scripts/prisma-generate.mjs [arguments of `prisma generate`]
//
// `prisma generate` fetches a schema engine that it never runs. Where the host of these files cannot be reached that
// fails the whole command, so we name an existing file as the engine instead: nothing is downloaded, nothing is missing.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const manifest = createRequire(import.meta.url).resolve('prisma/package.json');
const { bin } = JSON.parse(readFileSync(manifest, 'utf8'));
const cli = join(dirname(manifest), typeof bin === 'string' ? bin : bin.prisma);

const { status, signal, error } = spawnSync(process.execPath, [cli, 'generate', ...process.argv.slice(2)], {
  cwd: root,
  stdio: 'inherit',
  env: { PRISMA_SCHEMA_ENGINE_BINARY: process.execPath, PRISMA_HIDE_UPDATE_MESSAGE: '1', ...process.env },
});
if (error) throw error;
if (signal) console.error(`prisma generate was ended by ${signal}`);
process.exitCode = status ?? 1;
