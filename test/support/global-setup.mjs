// Once per `npm test`, before any worker starts: brings Postgres and Redis and tells the workers where they are.
// The other side of these variables is services.ts.

import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { startServices } from '../../scripts/services/index.mjs';
import { RedisCluster } from '../../scripts/services/redis-cluster.mjs';

/** The client of the example shop, which tests of write-behind use; a fresh checkout has none. */
const client = fileURLToPath(new URL('../../examples/storefront/src/generated/prisma/client.ts', import.meta.url));
const generate = fileURLToPath(new URL('../../scripts/prisma-generate.mjs', import.meta.url));

/** @param {import('jest').Config & { maxWorkers: number }} config */
export default async function globalSetup({ maxWorkers }) {
  if (!existsSync(client)) {
    const { status } = spawnSync(process.execPath, [generate], { stdio: ['ignore', 2, 2] });
    if (status !== 0) throw new Error('The Prisma client of the example shop could not be generated.');
  }
  const services = await startServices({
    log: (line) => process.stderr.write(`services: ${line}\n`),
    more: maxWorkers - 1,
  });
  // A pair for each worker: some specs watch all commands of a Redis, make it forget its scripts, or count locks.
  process.env.STRATA_TEST_SERVICES = JSON.stringify([services, ...services.more]);
  process.env.STRATA_TEST_NAMESPACE = services.namespace;
  // For apps of specs that do not say where Redis is: a cluster, to see what of the suite holds there, too.
  const cluster =
    process.env.STRATA_TEST_TOPOLOGY === 'cluster' ? await RedisCluster.start({ replicas: false }) : undefined;
  if (cluster) process.env.STRATA_TEST_CLUSTER = JSON.stringify(cluster.addresses);
  globalThis.__STRATA_CLUSTER__ = cluster;
  globalThis.__STRATA_SERVICES__ = services; // jest gives set-up and tear-down no other way to meet
}
