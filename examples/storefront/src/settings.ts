import { fileURLToPath } from 'node:url';

/** What the environment says. Read once, checked here, so that a mistake shows at the start and not at the first request. */
export interface Settings {
  databaseUrl: string;
  /** A read replica that has the products too. Without one it is the same database, over other connections. */
  replicaUrl: string;
  /** The catalogue as a file: what prisma/snapshot.mjs wrote. */
  snapshot: string;
  /** How long products and lists are fresh, in milliseconds. */
  catalogueTtl: number;
  /** Without it the cache is in memory only, and every write goes straight to Postgres. */
  redisUrl: string | undefined;
  /** Prefix of everything this app keeps in Redis. */
  namespace: string;
  /** False with STRATA_CACHE=off: the same app, every call goes to the database. */
  cache: boolean;
  /** How many entries the memory tier holds; Redis holds all. */
  memoryEntries: number;
  /** What the cache's values look like; a deploy that changes it begins with an empty cache. */
  schema: string;
  /** Whether popular pages are learned, and loaded before somebody misses them. */
  warm: boolean;
  port: number;
}

/** The token to inject {@link Settings} by. */
export const SETTINGS = Symbol('settings');

export function readSettings(env: NodeJS.ProcessEnv = process.env): Settings {
  const problems: string[] = [];
  const whole = (name: string, fallback: number, least: number, most: number): number => {
    const value = env[name] === undefined ? fallback : Number(env[name]);
    if (!Number.isInteger(value) || value < least || value > most) {
      problems.push(`${name} is "${env[name]}": it must be a whole number from ${least} to ${most}`);
    }
    return value;
  };
  const databaseUrl = env.DATABASE_URL ?? '';
  if (databaseUrl === '')
    problems.push('DATABASE_URL is missing: set it to postgresql://user:password@host:port/database');
  const cache = env.STRATA_CACHE ?? 'on';
  if (cache !== 'on' && cache !== 'off') problems.push(`STRATA_CACHE is "${cache}": it must be on or off`);
  const warm = env.CACHE_WARM ?? 'on';
  if (warm !== 'on' && warm !== 'off') problems.push(`CACHE_WARM is "${warm}": it must be on or off`);
  const settings: Settings = {
    databaseUrl,
    replicaUrl: env.DATABASE_REPLICA_URL || databaseUrl,
    snapshot: env.CATALOGUE_SNAPSHOT || fileURLToPath(new URL('./catalogue.json', import.meta.url)),
    catalogueTtl: whole('CATALOGUE_TTL', 300_000, 1, 86_400_000),
    redisUrl: env.REDIS_URL || undefined,
    namespace: env.CACHE_NAMESPACE || 'storefront',
    cache: cache === 'on',
    memoryEntries: whole('MEMORY_ENTRIES', 2_000, 1, 1_000_000),
    schema: env.CACHE_SCHEMA ?? '1',
    warm: warm === 'on',
    port: whole('PORT', 3_000, 0, 65_535),
  };
  if (problems.length > 0) throw new Error(`The storefront cannot start:\n  - ${problems.join('\n  - ')}`);
  return settings;
}
