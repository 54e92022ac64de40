// Once per `npm test`, before any worker starts: brings Postgres and Redis and tells the workers where they are.
// The other side of these variables is services.ts.

import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { startServices } from '../../scripts/services/index.mjs';

/** The client of the example shop, which tests of write-behind use; a fresh checkout has none. */
const client = fileURLToPath(new URL('../../examples/storefront/src/generated/prisma/client.ts', import.meta.url));
const generate = fileURLToPath(new URL('../../scripts/prisma-generate.mjs', import.meta.url));

export default async function globalSetup() {
  if (!existsSync(client)) {
    const { status } = spawnSync(process.execPath, [generate], { stdio: ['ignore', 2, 2] });
    if (status !== 0) throw new Error('The Prisma client of the example shop could not be generated.');
  }
  const services = await startServices({ log: (line) => process.stderr.write(`services: ${line}\n`) });
  process.env.STRATA_TEST_DATABASE_URL = services.databaseUrl;
  process.env.STRATA_TEST_REDIS_URL = services.redisUrl;
  process.env.STRATA_TEST_NAMESPACE = services.namespace;
  globalThis.__STRATA_SERVICES__ = services; // jest gives set-up and tear-down no other way to meet
}
