import { randomBytes } from 'node:crypto';

/**
 * A real Redis that the other specs of this worker use, and maybe other runs and people: write below a
 * `uniqueNamespace()`, never flush it.
 */
export function redisUrl(): string {
  return ofThisWorker().redisUrl;
}

/** Nodes of a real Redis Cluster, if `STRATA_TEST_TOPOLOGY=cluster` asks for one: for all specs that do not say where Redis is. */
export function clusterNodes(): { host: string; port: number }[] | undefined {
  const nodes = process.env.STRATA_TEST_CLUSTER;
  return nodes ? (JSON.parse(nodes) as { host: string; port: number }[]) : undefined;
}

/** A real Postgres database of this test run. All specs of this worker share it. */
export function databaseUrl(): string {
  return ofThisWorker().databaseUrl;
}

/**
 * A Redis namespace that nothing else uses. It contains the namespace of the run, by which its keys are deleted from
 * a shared Redis afterwards.
 */
export function uniqueNamespace(): string {
  return `${fromGlobalSetup('STRATA_TEST_NAMESPACE')}-${randomBytes(4).toString('hex')}`;
}

function ofThisWorker(): { databaseUrl: string; redisUrl: string } {
  const all = JSON.parse(fromGlobalSetup('STRATA_TEST_SERVICES'));
  return all[Number(process.env.JEST_WORKER_ID) - 1];
}

function fromGlobalSetup(name: string): string {
  const value = process.env[name];
  if (value) return value;
  throw new Error(`${name} is not set. Run specs with "npm test", whose global set-up brings the servers.`);
}
