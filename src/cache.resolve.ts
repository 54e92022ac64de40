import { CacheOptionsError, type OptionProblem } from './cache.errors.js';
import type { CacheModuleOptions, CacheOptions, NamedCacheOptions } from './cache.options.js';
import type { Limits } from './engine/core.js';
import { DURATION_REMEDY, type Duration, FOREVER, type Milliseconds, parseDuration } from './engine/duration.js';
import { type CachePolicy, Policies, type ResolvedPolicy } from './engine/policy.js';
import { jsonSerializer, type Serializer } from './engine/serializer.js';
import type { MemoryBounds } from './tiers/memory/lru-store.js';

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

export const DEFAULT_CACHE = 'default';

const DEFAULTS: ResolvedPolicy = {
  ttl: 300_000,
  grace: 0,
  graceBackoff: 10_000,
  jitter: 0.05,
  hardTimeout: 30_000,
  cacheNull: true,
  strong: false,
  memory: true,
  redis: true,
  tags: [],
};

const POLICY_OPTIONS = [
  'ttl',
  'grace',
  'graceBackoff',
  'jitter',
  'hardTimeout',
  'cacheNull',
  'consistency',
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
const ROOT_OPTIONS = [...CACHE_OPTIONS, 'namespace', 'redis', 'shutdownTimeout', 'clock', 'random', 'isGlobal'];
const MEMORY_OPTIONS = ['maxEntries', 'maxBytes', 'eviction', 'ttl'];

/** Parts that stand between namespace and key in Redis names: a namespace must not contain them. */
const RESERVED = ['e', 'm', 'n', 'l', 'r', 'c'];

/** Checks the options of `forRoot`. Throws one `CacheOptionsError` with everything that is wrong. */
export function resolveRoot(options: CacheModuleOptions): ResolvedCache & { shutdownTimeout: Milliseconds } {
  const check = new Check('');
  const namespace = options.namespace ?? 'cache';
  check.known(options, ROOT_OPTIONS);
  checkNamespace(check, namespace);
  if (options.redis !== undefined && typeof options.redis.open !== 'function') {
    check.fail('redis', options.redis, "Pass redisTier({ url }) of 'nestjs-strata/redis'.");
  }
  const shutdownTimeout = check.time('shutdownTimeout', options.shutdownTimeout, 5_000, 0);
  const cache = resolveCache(check, options, DEFAULT_CACHE, namespace, options.redis !== undefined, {});
  check.end('CacheModule.forRoot() is configured wrongly');
  return { ...cache, shutdownTimeout };
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
  const base = resolvePolicy(check, options, DEFAULTS, hasRedis);
  const named = { ...inherited, ...options.policies };
  const policies = new Map<string, ResolvedPolicy>();
  const prefixes = [...checkPrefixes(check, options.prefixes)];
  for (const [policyName, policy] of Object.entries(named)) {
    const inside = check.inside(`policies.${policyName}`);
    inside.known(policy, POLICY_OPTIONS);
    policies.set(policyName, resolvePolicy(inside, policy, base, hasRedis));
    prefixes.push(...checkPrefixes(inside, policy.prefixes));
  }
  return {
    name,
    namespace,
    policies: new Policies(base, policies),
    prefixes,
    schema: String(options.schema ?? ''),
    serializer: resolveSerializer(check, options),
    compressFrom: resolveCompress(check, options.compress, hasRedis),
    ...resolveMemory(check, options),
  };
}

function resolvePolicy(check: Check, policy: CachePolicy, base: ResolvedPolicy, hasRedis: boolean): ResolvedPolicy {
  const { jitter = base.jitter, consistency, tiers } = policy;
  if (!(jitter >= 0 && jitter < 1)) check.fail('jitter', jitter, 'Use a share from 0 to below 1, e.g. 0.05.');
  if (consistency !== undefined && consistency !== 'eventual' && consistency !== 'strong') {
    check.fail('consistency', consistency, "Use 'eventual' or 'strong'.");
  }
  const good = tiers?.every((tier) => tier === 'memory' || tier === 'redis') ?? true;
  if (!good || tiers?.length === 0) check.fail('tiers', tiers, "Use ['memory'], ['redis'] or ['memory', 'redis'].");
  if (!hasRedis && good && tiers && !tiers.includes('memory')) {
    check.fail('tiers', tiers, "There is no Redis: pass redis: redisTier(...) or add 'memory'.");
  }
  return {
    ttl: check.time('ttl', policy.ttl, base.ttl, 1),
    grace: check.time('grace', policy.grace, base.grace, 0),
    graceBackoff: check.time('graceBackoff', policy.graceBackoff, base.graceBackoff, 1),
    hardTimeout: check.time('hardTimeout', policy.hardTimeout, base.hardTimeout, 1),
    jitter,
    cacheNull: policy.cacheNull ?? base.cacheNull,
    strong: consistency === undefined ? base.strong : consistency === 'strong',
    memory: tiers ? tiers.includes('memory') : base.memory,
    redis: tiers ? tiers.includes('redis') : base.redis,
    tags: [],
  };
}

function resolveMemory(check: Check, options: CacheOptions): Pick<ResolvedCache, 'memory' | 'limits'> {
  const { values = 'frozen', maxValueBytes = 1024 * 1024 } = options;
  if (!['frozen', 'cloned', 'shared'].includes(values)) {
    check.fail('values', values, "Use 'frozen', 'cloned' or 'shared'.");
  }
  if (!(maxValueBytes > 0)) check.fail('maxValueBytes', maxValueBytes, 'Use a number of bytes above 0.');
  const memory = options.memory === false ? undefined : (options.memory ?? {});
  const inside = check.inside('memory');
  if (memory) inside.known(memory, MEMORY_OPTIONS);
  const { maxEntries = 10_000, maxBytes = 64 * 1024 * 1024, eviction = 'lru', ttl } = memory ?? {};
  if (!(Number.isInteger(maxEntries) && maxEntries > 0 && maxEntries < 2 ** 32)) {
    inside.fail('maxEntries', maxEntries, 'Use a whole number above 0.');
  }
  if (!(maxBytes > 0) || (maxBytes !== Number.POSITIVE_INFINITY && !Number.isInteger(maxBytes))) {
    inside.fail('maxBytes', maxBytes, 'Use a whole number of bytes above 0, or Infinity.');
  }
  if (eviction !== 'lru') inside.fail('eviction', eviction, "Use 'lru': it is the only policy of this version.");
  const memoryTtl = inside.time('ttl', ttl, FOREVER, 1);
  return {
    memory: memory && { maxEntries, maxBytes },
    limits: { maxValueBytes, memoryTtl, values, countBytes: maxBytes < Number.POSITIVE_INFINITY },
  };
}

function resolveSerializer(check: Check, { serializer = jsonSerializer, schema }: CacheOptions): Serializer {
  const fits =
    typeof serializer === 'object' &&
    typeof serializer.encode === 'function' &&
    typeof serializer.decode === 'function'; // prettier-ignore
  if (!fits || !/^[\w-]{1,32}$/.test(serializer.name)) {
    check.fail('serializer', serializer, 'Pass { name, encode, decode }; the name of 1 to 32 letters, digits, _ or -.');
    return jsonSerializer;
  }
  if (String(schema ?? '').length > 64) check.fail('schema', schema, 'Use at most 64 characters.');
  return serializer;
}

function resolveCompress(check: Check, compress: CacheOptions['compress'], hasRedis: boolean): number {
  if (compress === undefined || compress === false) return Number.POSITIVE_INFINITY;
  if (!hasRedis) check.fail('compress', compress, 'Only values for Redis are compressed: pass redis: redisTier(...).');
  if (compress === true) return 4096;
  if (!(compress.from >= 0)) check.fail('compress.from', compress.from, 'Use a number of bytes.');
  return compress.from;
}

function checkPrefixes(check: Check, prefixes: readonly string[] = []): readonly string[] {
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

/** Collects problems, so that all of them are reported together. */
class Check {
  constructor(
    private readonly path: string,
    private readonly problems: OptionProblem[] = [],
  ) {}

  inside(name: string): Check {
    return new Check(`${this.path}${name}.`, this.problems);
  }

  fail(option: string, value: unknown, remedy: string): void {
    this.problems.push({ option: this.path + option, value, remedy });
  }

  known(options: object, names: readonly string[]): void {
    for (const [name, value] of Object.entries(options)) {
      if (!names.includes(name)) this.fail(name, value, `There is no such option. Known: ${names.join(', ')}.`);
    }
  }

  time(option: string, value: Duration | undefined, fallback: Milliseconds, least: Milliseconds): Milliseconds {
    if (value === undefined) return fallback;
    const parsed = parseDuration(value);
    if (parsed !== undefined && parsed >= least) return parsed;
    this.fail(option, value, least > 0 ? `It must be above 0. ${DURATION_REMEDY}` : DURATION_REMEDY);
    return fallback;
  }

  end(where: string): void {
    if (this.problems.length > 0) throw new CacheOptionsError(this.problems, where);
  }
}
