import { type Check, isFunction, isRecord } from '../cache.check.js';
import { CacheError } from '../cache.errors.js';
import { eventNameRemedy } from './event-pattern.js';
import type { InvalidationRule, InvalidationTargets, InvalidationTargetsOption } from './invalidation.rule.js';
import type { InvalidationSource } from './source.port.js';
import { type InvalidationMode, TargetSet } from './targets.js';

/** The option `invalidation` of `forRoot`. */
export type InvalidationOption =
  | readonly InvalidationRule[]
  | {
      /** What events make out of date. */
      rules?: readonly InvalidationRule[];
      /** Where events come from besides `cache.emit` and `@nestjs/event-emitter`: `[postgresEvents({ ... })]`. */
      sources?: readonly InvalidationSource[];
    };

/** A rule, checked. */
export interface ResolvedRule {
  readonly on: readonly string[];
  /** Where it stands, for errors. */
  readonly where: string;
  readonly cache: string | undefined;
  readonly condition: ((payload: unknown, event: string) => boolean | Promise<boolean>) | undefined;
  readonly steps: readonly { mode: InvalidationMode; targets: InvalidationTargetsOption }[];
  readonly missed: InvalidationTargets | undefined;
}

const RULE_OPTIONS = ['on', 'evict', 'expire', 'cache', 'condition', 'missed'];
const METHOD_OPTIONS = ['on', 'mode', 'cache', 'condition', 'missed'];
const TARGETS =
  "Pass a key (['product', 42]), { tags: ['sale'] }, { prefix: 'product:' }, { pattern: '*:price' }, { all: true }, or a list of these";

/** Checks the option `invalidation`; what is wrong goes to `check`. */
export function resolveInvalidation(
  check: Check,
  option: InvalidationOption | undefined,
): { rules: ResolvedRule[]; sources: readonly InvalidationSource[] } {
  if (option === undefined) return { rules: [], sources: [] };
  if (Array.isArray(option)) return { rules: resolveRules(check, 'invalidation', option), sources: [] };
  if (!isRecord(option)) {
    check.fail('invalidation', option, 'Pass an array of rules, or { rules: [...], sources: [...] }.');
    return { rules: [], sources: [] };
  }
  const { rules = [], sources = [] } = option as Exclude<InvalidationOption, readonly InvalidationRule[]>;
  const inside = check.inside('invalidation');
  inside.known(option, ['rules', 'sources']);
  return { rules: resolveRules(inside, 'rules', rules), sources: resolveSources(inside, sources) };
}

function resolveRules(check: Check, name: string, rules: readonly InvalidationRule[]): ResolvedRule[] {
  if (!Array.isArray(rules)) {
    check.fail(name, rules, "Pass an array: [{ on: 'product.updated', evict: (product) => ['product', product.id] }].");
    return [];
  }
  return rules.flatMap((rule, i) => {
    const place = `${name}[${i}]`;
    if (isRecord(rule)) return [resolveRule(check.inside(place), rule, place)];
    check.fail(place, rule, "Pass an object: { on: 'product.updated', evict: (product) => ['product', product.id] }.");
    return [];
  });
}

function resolveSources(check: Check, sources: readonly InvalidationSource[]): readonly InvalidationSource[] {
  if (!Array.isArray(sources)) {
    check.fail('sources', sources, 'Pass an array: [postgresEvents({ ... })].');
    return [];
  }
  return sources.filter((source, i) => {
    const place = `sources[${i}]`;
    if (typeof source?.open !== 'function') {
      check.fail(place, source, "Pass postgresEvents({ ... }) of 'nestjs-strata/postgres'.");
      return false;
    }
    for (const { option, value, remedy } of source.problems ?? []) check.inside(place).fail(option, value, remedy);
    return true;
  });
}

/** `method`: of `@InvalidateOn` on a method, which makes the targets itself. */
export function resolveRule(
  check: Check,
  rule: object,
  where: string,
  method?: (payload: unknown, event: string) => InvalidationTargets | Promise<InvalidationTargets>,
): ResolvedRule {
  const given = rule as Record<string, unknown>;
  const { cache, condition, missed, mode = 'evict' } = given;
  check.known(rule, method ? METHOD_OPTIONS : RULE_OPTIONS);
  if (cache !== undefined && typeof cache !== 'string') check.fail('cache', cache, 'Pass the name of a cache.');
  if (condition !== undefined && !isFunction(condition)) {
    check.fail('condition', condition, 'Pass a function: (product) => product.published.');
  }
  if (method && mode !== 'evict' && mode !== 'expire') check.fail('mode', mode, "Use 'evict' or 'expire'.");
  if (missed !== undefined) checkTargets(check, 'missed', missed);
  const steps: ResolvedRule['steps'][number][] = method
    ? [{ mode: mode as InvalidationMode, targets: method }]
    : (['evict', 'expire'] as const).flatMap((one) => {
        const targets = given[one];
        if (targets === undefined) return [];
        if (!isFunction(targets)) checkTargets(check, one, targets);
        return [{ mode: one, targets: targets as InvalidationTargetsOption }];
      });
  if (steps.length === 0) {
    check.fail('evict', undefined, `Say what to invalidate, by evict or expire. ${TARGETS}, or a function that does.`);
  }
  return {
    on: checkEvents(check, given.on),
    where,
    cache: cache as string | undefined,
    condition: condition as ResolvedRule['condition'],
    steps,
    missed: missed as InvalidationTargets | undefined,
  };
}

function checkEvents(check: Check, on: unknown): readonly string[] {
  const names: unknown[] = Array.isArray(on) && on.length > 0 ? on : [on];
  for (const name of names) {
    const remedy = eventNameRemedy(name);
    if (remedy !== undefined) check.fail('on', name, remedy);
  }
  return names as string[];
}

function checkTargets(check: Check, option: string, targets: unknown): void {
  try {
    new TargetSet().add(targets as InvalidationTargets);
  } catch (error) {
    if (!CacheError.is(error)) throw error;
    check.fail(option, targets, `${TARGETS}.`);
  }
}
