// The built package as it was when the run began: processes that are started in the middle of a run must not meet a half
// written or a newer build.
import { cp, mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ensureBuild } from '../../bench/lib/prepare.mjs';
import { build as buildStorefront } from '../../scripts/demo/storefront.mjs';
import { sleep } from './time.mjs';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const GENERATED = 'examples/storefront/dist/generated';
/** Below node_modules, so that the copies find the packages they import. */
const CACHE = join(ROOT, 'node_modules', '.cache');

const exists = (path) =>
  stat(join(ROOT, path)).then(
    () => true,
    () => false,
  );

/** A build that is elsewhere and ready, for trees that others are editing at the moment. */
const OTHER_BUILD = process.env.STRATA_CHAOS_DIST;

/**
 * @param {(line: string) => void} log
 * @param {{ prisma: boolean }} needs
 * @returns {Promise<{ dist: string, client: string, remove(): Promise<void> }>} folders of the package and of the Prisma client
 */
export async function takeSnapshot(log, { prisma }) {
  if (!OTHER_BUILD) await ensureBuild();
  if (prisma && !(await exists(`${GENERATED}/prisma/client.js`))) await buildStorefront(log);
  const folder = await mkdtemp(join(await ready(CACHE), 'strata-chaos-'));
  const remove = () => rm(folder, { recursive: true, force: true });
  try {
    await writeFile(join(folder, 'package.json'), '{ "type": "module" }\n');
    await copyWhole(OTHER_BUILD ?? join(ROOT, 'dist'), join(folder, 'dist'));
    if (prisma) await copyWhole(join(ROOT, GENERATED), join(folder, 'generated'));
  } catch (error) {
    await remove();
    throw error;
  }
  return { dist: join(folder, 'dist'), client: join(folder, 'generated', 'prisma', 'client.js'), remove };
}

async function ready(folder) {
  await mkdir(folder, { recursive: true });
  return folder;
}

/** Somebody may be building at this moment: a copy counts when nothing has changed since before it was made. */
async function copyWhole(from, to) {
  const look = async () => {
    const names = await readdir(from, { recursive: true });
    return (await Promise.all(names.map(async (name) => `${name} ${(await stat(join(from, name))).mtimeMs}`))).join();
  };
  for (let attempt = 1; ; attempt++) {
    try {
      const before = await look();
      await rm(to, { recursive: true, force: true });
      await cp(from, to, { recursive: true });
      if (before !== '' && before === (await look())) return;
    } catch (error) {
      if (attempt >= 10) throw error;
    }
    if (attempt >= 10) throw new Error(`${from} does not come to rest: is somebody building without end?`);
    await sleep(1_000);
  }
}
