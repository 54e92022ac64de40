import { Check, isFunction, isNumber, isRecord } from './cache.check.js';
import type { CacheModuleOptions, CacheOptions, NamedCacheOptions } from './cache.options.js';
import type { Limits } from './engine/core.js';
import { FOREVER, type Milliseconds } from './engine/duration.js';
import { resolveBounds } from './engine/lanes/lane.options.js';
import type { LoadsLane } from './engine/lanes/lanes.js';
import { type CachePolicy, checkStale, Policies, type ResolvedPolicy } from './engine/policy.js';
import { jsonSerializer, type Serializer } from './engine/serializer.js';
import { isNoAnswer } from './engine/stand-in.js';
import type { ValueType } from './engine/value-types.js';
import { resolveInvalidation } from './invalidation/invalidation.check.js';
import { type ResolvedJobs, resolveJobs } from './jobs/jobs.options.js';
import type { MemoryBounds } from './tiers/memory/bounded-store.js';
import { EVICTIONS } from './tiers/memory/eviction.js';

/** Options of one cache, checked and filled. */
export interface ResolvedCache {
  name: string;
  namespace: string;
  memory: MemoryBounds | undefined;
  limits: Limits;
  policies: Policies;
  prefixes: readonly string[];
  serializer: Serializer;
  compressFrom: number;
  schema: string;
}

/** Options of `forRoot`, checked and filled. */
export interface ResolvedRoot extends ResolvedCache {
  shutdownTimeout: Milliseconds;
  jobs: ResolvedJobs;
}

export const DEFAULT_CACHE = 'default';

const DEFAULTS: ResolvedPolicy = {
  ttl: 300_000,
  grace: 0,
  graceBackoff: 10_000,
  staleOn: isNoAnswer,
  refreshAhead: 1,
  jitter: 0.05,
  softTimeout: FOREVER,
  hardTimeout: 30_000,
  abortLate: false,
  cacheNull: true,
  strong: false,
  cluster: true,
  loads: undefined,
  memory: true,
  redis: true,
  tags: [],
};

const POLICY_OPTIONS = [
  'ttl',
  'grace',
  'graceBackoff',
  'staleOn',
  'refreshAhead',
  'jitter',
  'softTimeout',
  'hardTimeout',
  'lateLoads',
  'cacheNull',
  'consistency',
  'singleFlight',
  'loads',
  'tiers',
  'prefixes',
]; // prettier-ignore
const CACHE_OPTIONS = [
  ...POLICY_OPTIONS,
  'memory',
  'values',
  'maxValueBytes',
  'serializer',
  'compress',
  'schema',
  'types',
  'policies',
]; // prettier-ignore
const ROOT_OPTIONS = [
  ...CACHE_OPTIONS,
  'namespace',
  'redis',
  'writeBehind',
  'invalidation',
  'jobs',
  'shutdownTimeout',
  'clock',
  'random',
  'isGlobal',
];
const MEMORY_OPTIONS = ['maxEntries', 'maxBytes', 'eviction', 'ttl'];

/** Parts that stand between namespace and key in Redis names: a namespace must not contain them. */
const RESERVED = ['e', 'm', 'n', 'l', 'r', 'c', 'w', 'j'];

/** Checks the options of `forRoot`. Throws one `CacheOptionsError` with everything that is wrong. */
export function resolveRoot(options: CacheModuleOptions): ResolvedRoot {
  const check = new Check('');
  const namespace = options.namespace ?? 'cache';
  check.known(options, ROOT_OPTIONS);
  checkNamespace(check, namespace);
  if (options.redis !== undefined && typeof options.redis?.open !== 'function') {
    check.fail('redis', options.redis, "Pass redisTier({ url }) of 'nestjs-strata/redis', or leave it out.");
  }
  if (options.writeBehind !== undefined && typeof options.writeBehind?.open !== 'function') {
    const remedy = "Pass writeBehind({ client, entities }) of 'nestjs-strata/write-behind', or leave it out.";
    check.fail('writeBehind', options.writeBehind, remedy);
  }
  if (options.clock !== undefined && typeof options.clock?.now !== 'function') {
    check.fail('clock', options.clock, "Pass a FakeClock of 'nestjs-strata/testing', or leave it out.");
  }
  if (options.random !== undefined && typeof options.random !== 'function') {
    check.fail('random', options.random, 'Pass a function like Math.random, or leave it out.');
  }
  resolveInvalidation(check, options.invalidation);
  const jobs = resolveJobs(check, options.jobs);
  const shutdownTimeout = check.time('shutdownTimeout', options.shutdownTimeout, 5_000, 0);
  const cache = resolveCache(check, options, DEFAULT_CACHE, namespace, options.redis !== undefined, {});
  check.end('CacheModule.forRoot() is configured wrongly');
  return { ...cache, shutdownTimeout, jobs };
}

/** Checks the options of `register`. `policies`: those of `forRoot`. */
export function resolveNamed(options: NamedCacheOptions, root: CacheModuleOptions): ResolvedCache {
  const check = new Check('');
  const { name } = options;
  check.known(options, [...CACHE_OPTIONS, 'name', 'isGlobal']);
  if (typeof name !== 'string' || !/^[\w-]+$/.test(name) || name === DEFAULT_CACHE) {
    check.fail('name', name, `Use letters, digits, '_' and '-', and not '${DEFAULT_CACHE}'.`);
  }
  const namespace = `${root.namespace ?? 'cache'}/${name}`;
  const cache = resolveCache(check, options, name, namespace, root.redis !== undefined, root.policies ?? {});
  check.end(`CacheModule.register(${JSON.stringify(name)}) is configured wrongly`);
  return cache;
}

function resolveCache(
  check: Check,
  options: CacheOptions & { policies?: Readonly<Record<string, CachePolicy>> },
  name: string,
  namespace: string,
  hasRedis: boolean,
  inherited: Readonly<Record<string, CachePolicy>>,
): ResolvedCache {
  if (options.memory === false && !hasRedis) {
    check.fail(
      'memory',
      false,
      'A cache without Redis has only its memory: leave it on, or pass redis: redisTier(...).',
    );
  }
  const has = { memory: options.memory !== false, redis: hasRedis };
  const base = resolvePolicy(check, options, DEFAULTS, has, DEFAULT_CACHE);
  const own = isRecord(options.policies ?? {}) ? options.policies : undefined;
  if (options.policies !== undefined && !own) {
    check.fail('policies', options.policies, "Pass an object: { product: { ttl: '5m' } }.");
  }
  const policies = new Map<string, ResolvedPolicy>();
  const prefixes = [...checkPrefixes(check, options.prefixes)];
  for (const [policyName, policy] of Object.entries({ ...inherited, ...own })) {
    if (!isRecord(policy)) {
      check.fail(`policies.${policyName}`, policy, "Pass an object: { ttl: '5m' }.");
      continue;
    }
    const inside = check.inside(`policies.${policyName}`);
    inside.known(policy, POLICY_OPTIONS);
    policies.set(policyName, resolvePolicy(inside, policy, base, has, policyName));
    prefixes.push(...checkPrefixes(inside, policy.prefixes));
  }
  return {
    name,
    namespace,
    policies: new Policies(base, policies),
    prefixes,
    schema: resolveSchema(check, options.schema),
    serializer: resolveSerializer(check, options),
    compressFrom: resolveCompress(check, options.compress, hasRedis),
    ...resolveMemory(check, options),
  };
}

function resolvePolicy(
  check: Check,
  policy: CachePolicy,
  base: ResolvedPolicy,
  hasTiers: HasTiers,
  name: string,
): ResolvedPolicy {
  const { jitter, consistency, singleFlight } = policy;
  if (jitter !== undefined && !(isNumber(jitter) && jitter >= 0 && jitter < 1)) {
    check.fail('jitter', jitter, 'Use a share from 0 to below 1, e.g. 0.05.');
  }
  if (consistency !== undefined && consistency !== 'eventual' && consistency !== 'strong') {
    check.fail('consistency', consistency, "Use 'eventual' or 'strong'.");
  }
  if (singleFlight !== undefined && singleFlight !== 'cluster' && singleFlight !== 'process') {
    check.fail('singleFlight', singleFlight, "Use 'cluster' or 'process'.");
  }
  if (policy.cacheNull !== undefined && typeof policy.cacheNull !== 'boolean') {
    check.fail('cacheNull', policy.cacheNull, 'Use true or false.');
  }
  const tiers = resolveTiers(check, policy.tiers, hasTiers);
  if (hasTiers.redis && consistency === 'strong' && tiers && !tiers.includes('redis')) {
    check.fail('tiers', tiers, "Strong consistency is kept by Redis: add 'redis', or use consistency: 'eventual'.");
  }
  if (policy.lateLoads !== undefined && policy.lateLoads !== 'finish' && policy.lateLoads !== 'abort') {
    check.fail('lateLoads', policy.lateLoads, "Use 'finish' or 'abort'.");
  }
  const times = {
    ttl: check.time('ttl', policy.ttl, base.ttl, 1),
    grace: check.time('grace', policy.grace, base.grace, 0),
    graceBackoff: check.time('graceBackoff', policy.graceBackoff, base.graceBackoff, 1),
    softTimeout: check.time('softTimeout', policy.softTimeout, base.softTimeout, 0),
    hardTimeout: check.time('hardTimeout', policy.hardTimeout, base.hardTimeout, 1),
  };
  checkStale(policy, times, (option, value, remedy) => check.fail(option, value, remedy));
  return {
    ...times,
    staleOn: policy.staleOn ?? base.staleOn,
    refreshAhead: policy.refreshAhead ?? base.refreshAhead,
    abortLate: policy.lateLoads === undefined ? base.abortLate : policy.lateLoads === 'abort',
    jitter: jitter ?? base.jitter,
    cacheNull: policy.cacheNull ?? base.cacheNull,
    strong: consistency === undefined ? base.strong : consistency === 'strong',
    cluster: singleFlight === undefined ? base.cluster : singleFlight === 'cluster',
    loads: resolveLoads(check, policy.loads, base.loads, name),
    memory: tiers ? tiers.includes('memory') : base.memory,
    redis: tiers ? tiers.includes('redis') : base.redis,
    tags: [],
  };
}

function resolveLoads(
  check: Check,
  loads: CachePolicy['loads'],
  within: LoadsLane | undefined,
  name: string,
): LoadsLane | undefined {
  if (loads === undefined) return within;
  const short = typeof loads === 'number' || loads === 'adaptive';
  if (!short && !isRecord(loads)) {
    check.fail('loads', loads, "Use a number, 'adaptive' or { concurrency, queue, queueTimeout }.");
    return undefined;
  }
  const inside = check.inside('loads');
  if (!short) inside.known(loads, ['concurrency', 'queue', 'queueTimeout']);
  const fail = (option: string, value: unknown, remedy: string): void => {
    (short ? check : inside).fail(short ? 'loads' : option, value, remedy);
  };
  return { name, within, ...resolveBounds(short ? { concurrency: loads } : loads, fail) };
}

/** Which tiers a cache has. */
interface HasTiers {
  memory: boolean;
  redis: boolean;
}

function resolveTiers(check: Check, tiers: CachePolicy['tiers'], has: HasTiers): CachePolicy['tiers'] {
  if (tiers === undefined) return undefined;
  const known = ['memory', 'redis'];
  if (!Array.isArray(tiers) || tiers.length === 0 || !tiers.every((tier) => known.includes(tier))) {
    check.fail('tiers', tiers, "Use ['memory'], ['redis'] or ['memory', 'redis'].");
    return undefined;
  }
  if (!has.redis && !tiers.includes('memory')) {
    check.fail('tiers', tiers, "There is no Redis: pass redis: redisTier(...) or add 'memory'.");
  }
  if (!has.memory && !tiers.includes('redis')) {
    check.fail('tiers', tiers, "The cache has no memory (memory: false): nothing would be kept. Add 'redis'.");
  }
  return tiers;
}

function resolveMemory(check: Check, options: CacheOptions): Pick<ResolvedCache, 'memory' | 'limits'> {
  const { values = 'frozen', maxValueBytes = 1024 * 1024 } = options;
  if (!['frozen', 'cloned', 'shared'].includes(values)) {
    check.fail('values', values, "Use 'frozen', 'cloned' or 'shared'.");
  }
  if (!isNumber(maxValueBytes) || !(maxValueBytes > 0))
    check.fail('maxValueBytes', maxValueBytes, 'Use a number of bytes above 0.');
  checkTypes(check, options.types);
  if (options.memory !== undefined && options.memory !== false && !isRecord(options.memory)) {
    check.fail('memory', options.memory, 'Pass an object such as { maxEntries: 1000 }, or false.');
  }
  const memory = options.memory === false ? undefined : isRecord(options.memory) ? options.memory : {};
  const inside = check.inside('memory');
  if (memory) inside.known(memory, MEMORY_OPTIONS);
  const { maxEntries = 10_000, maxBytes = 64 * 1024 * 1024, eviction = 's3-fifo', ttl } = memory ?? {};
  if (!(Number.isInteger(maxEntries) && maxEntries > 0 && maxEntries < 2 ** 32)) {
    inside.fail('maxEntries', maxEntries, 'Use a whole number above 0.');
  }
  if (
    !isNumber(maxBytes) ||
    !(maxBytes > 0) ||
    (maxBytes !== Number.POSITIVE_INFINITY && !Number.isInteger(maxBytes))
  ) {
    inside.fail('maxBytes', maxBytes, 'Use a whole number of bytes above 0, or Infinity.');
  }
  if (!EVICTIONS.includes(eviction)) inside.fail('eviction', eviction, "Use 's3-fifo', 'lru' or 'lfu'.");
  const memoryTtl = inside.time('ttl', ttl, FOREVER, 1);
  return {
    memory: memory && { maxEntries, maxBytes, eviction },
    limits: { maxValueBytes, memoryTtl, values, countBytes: maxBytes < Number.POSITIVE_INFINITY },
  };
}

function resolveSerializer(check: Check, { serializer = jsonSerializer }: CacheOptions): Serializer {
  const fits =
    isRecord(serializer) && typeof serializer.encode === 'function' && typeof serializer.decode === 'function'; // prettier-ignore
  if (!fits || !/^[\w-]{1,32}$/.test(serializer.name)) {
    check.fail('serializer', serializer, 'Pass { name, encode, decode }; the name of 1 to 32 letters, digits, _ or -.');
    return jsonSerializer;
  }
  return serializer;
}

function resolveSchema(check: Check, schema: CacheOptions['schema'] = ''): string {
  if (typeof schema !== 'string' && !isNumber(schema)) check.fail('schema', schema, 'Use a text or a number.');
  else if (String(schema).length > 64) check.fail('schema', schema, 'Use at most 64 characters.');
  return String(schema);
}

function checkTypes(check: Check, types: CacheOptions['types'] = []): void {
  const remedy = 'Pass an array of classes, or of { name, class, encode, decode }.';
  if (!Array.isArray(types)) {
    check.fail('types', types, remedy);
    return;
  }
  for (const type of types as Partial<ValueType>[]) {
    const fits = isRecord(type) && type.name && [type.class, type.encode, type.decode].every(isFunction);
    if (!isFunction(type) && !fits) check.fail('types', type, remedy);
  }
}

function resolveCompress(check: Check, compress: CacheOptions['compress'], hasRedis: boolean): number {
  if (compress === undefined || compress === false) return Number.POSITIVE_INFINITY;
  if (!hasRedis) check.fail('compress', compress, 'Only values for Redis are compressed: pass redis: redisTier(...).');
  if (compress === true) return 4096;
  const from: unknown = isRecord(compress) ? compress.from : compress;
  if (isNumber(from) && from >= 0 && isRecord(compress)) return from;
  check.fail('compress', compress, 'Use true, false or { from: 4096 }, a number of bytes.');
  return 0;
}

function checkPrefixes(check: Check, prefixes: readonly string[] = []): readonly string[] {
  if (!Array.isArray(prefixes)) {
    check.fail('prefixes', prefixes, "Pass an array: ['user:*:'].");
    return [];
  }
  for (const prefix of prefixes) {
    if (typeof prefix !== 'string' || !/^[^:]+:([^:]+:)*$/.test(prefix)) {
      check.fail('prefixes', prefix, "Write whole segments that end in ':', e.g. 'user:7:' or 'user:*:'.");
    }
  }
  return prefixes.filter((prefix) => typeof prefix === 'string');
}

function checkNamespace(check: Check, namespace: string): void {
  const parts = typeof namespace === 'string' ? namespace.split(':') : [''];
  if (parts.some((part) => !/^[\w.@-]+$/.test(part) || RESERVED.includes(part))) {
    const remedy = `Use letters, digits, '_', '-', '.', and ':' between parts; no part may be one of ${RESERVED.join(', ')}.`;
    check.fail('namespace', namespace, remedy);
  }
}
