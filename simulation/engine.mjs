// Where the package comes from: the build in dist/, or the folder that SIMULATION_DIST names.
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const fallback = fileURLToPath(new URL('../dist', import.meta.url));
const dist = process.env.SIMULATION_DIST ? resolve(process.env.SIMULATION_DIST) : fallback;
if (!existsSync(join(dist, 'cache.factory.js'))) throw new Error(`There is no build in ${dist}: npm run build`);

/** A module of the build, e.g. `engine/flights.js`. @param {string} path @returns {Promise<any>} */
export const built = (path) => import(pathToFileURL(join(dist, path)).href);

/** How processes hear of each other: SIMULATION_BUS, 'pubsub' or 'tracking'. */
export const BUS = process.env.SIMULATION_BUS ?? 'pubsub';

const { buildCache, sharedParts } = await built('cache.factory.js');
const { resolveRoot } = await built('cache.resolve.js');
const { redisTier } = await built('tiers/redis/redis-tier.js');

/**
 * A cache as `CacheModule.forRoot` builds it, started.
 * @param {object} options of the module, without Redis @param {object} redis options of the tier
 */
export function openCache(options, redis) {
  const all = { ...options, redis: redisTier(redis) };
  const { cache, start } = buildCache(resolveRoot(all), all, sharedParts(all));
  void start?.();
  return cache;
}
