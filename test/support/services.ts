import { randomBytes } from 'node:crypto';

/** A real Redis that other specs, runs and people use too: write below a `uniqueNamespace()`, never flush it. */
export function redisUrl(): string {
  return fromGlobalSetup('STRATA_TEST_REDIS_URL');
}

/** Nodes of a real Redis Cluster, if `STRATA_TEST_TOPOLOGY=cluster` asks for one: for all specs that do not say where Redis is. */
export function clusterNodes(): { host: string; port: number }[] | undefined {
  const nodes = process.env.STRATA_TEST_CLUSTER;
  return nodes ? (JSON.parse(nodes) as { host: string; port: number }[]) : undefined;
}

/** A real Postgres database of this test run. All specs share it. */
export function databaseUrl(): string {
  return fromGlobalSetup('STRATA_TEST_DATABASE_URL');
}

/**
 * A Redis namespace that nothing else uses. It contains the namespace of the run, by which its keys are deleted from
 * a shared Redis afterwards.
 */
export function uniqueNamespace(): string {
  return `${fromGlobalSetup('STRATA_TEST_NAMESPACE')}-${randomBytes(4).toString('hex')}`;
}

function fromGlobalSetup(name: string): string {
  const value = process.env[name];
  if (value) return value;
  throw new Error(`${name} is not set. Run specs with "npm test", whose global set-up brings the servers.`);
}
