// Once per `npm test`, before any worker starts: brings Postgres and Redis and tells the workers where they are.
// The other side of these variables is services.ts.

import { startServices } from '../../scripts/services/index.mjs';

export default async function globalSetup() {
  const services = await startServices({ log: (line) => process.stderr.write(`services: ${line}\n`) });
  process.env.STRATA_TEST_DATABASE_URL = services.databaseUrl;
  process.env.STRATA_TEST_REDIS_URL = services.redisUrl;
  process.env.STRATA_TEST_NAMESPACE = services.namespace;
  globalThis.__STRATA_SERVICES__ = services; // jest gives set-up and tear-down no other way to meet
}
