import { InvalidationRuleError } from '../cache.errors.js';
import type { CacheRegistry } from '../cache.registry.js';
import type { Cache } from '../engine/cache.js';
import { hasWildcard, overlap } from './event-pattern.js';
import type { ResolvedRule } from './invalidation.check.js';
import type { InvalidationTargetsOption } from './invalidation.rule.js';
import { IncompletePayload, type MissedReason } from './source.port.js';
import { type InvalidationMode, TargetSet } from './targets.js';

/** How many names of events are remembered with their rules. */
const MAX_NAMES = 1_000;

/** The rules of an app at work. */
export class InvalidationRules {
  private readonly byEvent = new Map<string, readonly ResolvedRule[]>();

  constructor(
    private readonly rules: readonly ResolvedRule[],
    private readonly registry: CacheRegistry,
  ) {}

  /** The names in the rules that stand for one event, and whether there are others. */
  names(): { exact: Set<string>; wildcards: boolean } {
    const all = this.rules.flatMap(({ on }) => on);
    return { exact: new Set(all.filter((name) => !hasWildcard(name))), wildcards: all.some(hasWildcard) };
  }

  /** For those who want to know: rejects with what rules threw, after all other rules have done their work. */
  async emit(event: string, payloads: readonly unknown[]): Promise<void> {
    const errors = (await this.apply(event, payloads)).map(({ error }) => error);
    if (errors.length === 1) throw errors[0];
    if (errors.length > 1) throw new AggregateError(errors, `${errors.length} invalidations by rules failed.`);
  }

  /** For those who have nothing to do with the cache: what rules throw is reported by the cache. Never rejects. */
  async hear(event: string, payloads: readonly unknown[]): Promise<void> {
    for (const { cache, error } of await this.apply(event, payloads)) cache.trouble('invalidation rule', error);
  }

  /** Events of these names may have been lost. Never rejects. */
  async missed(events: readonly string[], source: string, reason: MissedReason): Promise<void> {
    const concerned = this.rules.filter(({ on }) => on.some((one) => events.some((other) => overlap(one, other))));
    const work: Promise<unknown>[] = [];
    for (const name of new Set(concerned.map(({ cache }) => cache))) {
      const cache = this.registry.get(name);
      const wanted = new Wanted();
      for (const rule of concerned) if (rule.cache === name) wanted.addMissed(rule);
      work.push(wanted.invalidate(cache).catch((error: unknown) => cache.trouble('missed events', error)));
      cache.toldMissed({ source, reason });
    }
    await Promise.all(work);
  }

  /** Starts at once: rules that need no promise have changed the memory tier when this returns its promise. */
  private async apply(event: string, payloads: readonly unknown[]): Promise<Failure[]> {
    const failures: Failure[] = [];
    await Promise.all(this.rulesOf(event).map((rule) => this.run(rule, event, payloads, failures)));
    return failures;
  }

  private async run(rule: ResolvedRule, event: string, payloads: readonly unknown[], failures: Failure[]) {
    const cache = this.registry.get(rule.cache);
    const wanted = new Wanted();
    const failed = (cause: unknown): void => {
      const incomplete = cause instanceof IncompletePayload;
      if (incomplete || rule.missed !== undefined) wanted.addMissed(rule);
      if (!incomplete) failures.push({ cache, error: new InvalidationRuleError(event, rule.where, cause) });
    };
    const pending: Promise<void>[] = [];
    for (const payload of payloads) {
      try {
        const later = collect(rule, event, payload, wanted);
        if (later) pending.push(later.catch(failed));
      } catch (error) {
        failed(error);
      }
    }
    if (pending.length > 0) await Promise.all(pending);
    try {
      await wanted.invalidate(cache);
    } catch (cause) {
      failures.push({ cache, error: new InvalidationRuleError(event, rule.where, cause) });
    }
  }

  private rulesOf(event: string): readonly ResolvedRule[] {
    let rules = this.byEvent.get(event);
    if (!rules) {
      rules = this.rules.filter(({ on }) => on.some((name) => overlap(name, event)));
      if (this.byEvent.size >= MAX_NAMES) this.byEvent.clear();
      this.byEvent.set(event, rules);
    }
    return rules;
  }
}

/** What a rule threw, and whose `error` event tells it. */
interface Failure {
  readonly cache: Cache;
  readonly error: InvalidationRuleError;
}

/** What is to be invalidated in one cache. */
class Wanted {
  private readonly evict = new TargetSet();
  private readonly expire = new TargetSet();

  of(mode: InvalidationMode): TargetSet {
    return this[mode];
  }

  /** What a rule would have invalidated at most. */
  addMissed({ missed, steps }: ResolvedRule): void {
    if (missed !== undefined) {
      this.of(steps.some(({ mode }) => mode === 'evict') ? 'evict' : 'expire').add(missed);
      return;
    }
    for (const { mode, targets } of steps) {
      if (typeof targets === 'function') this.evict.addEverything();
      else this.of(mode).add(targets);
    }
  }

  async invalidate(cache: Cache): Promise<void> {
    await Promise.all([this.evict.invalidate(cache, 'evict'), this.expire.invalidate(cache, 'expire')]);
  }
}

/** Asks the rule's functions. A promise only if one of them gave one. */
function collect(rule: ResolvedRule, event: string, payload: unknown, wanted: Wanted): Promise<void> | undefined {
  const { condition, steps } = rule;
  const answer = condition === undefined || condition(payload, event);
  if (typeof answer !== 'boolean' && isPromise(answer)) {
    return answer.then((holds) => (holds ? ask(steps, event, payload, wanted) : undefined));
  }
  return answer ? ask(steps, event, payload, wanted) : undefined;
}

function ask(steps: ResolvedRule['steps'], event: string, payload: unknown, wanted: Wanted): Promise<void> | undefined {
  const pending: Promise<void>[] = [];
  for (const { mode, targets } of steps) {
    const made = targetsOf(targets, payload, event);
    if (isPromise(made)) pending.push(made.then((found) => wanted.of(mode).add(found)));
    else wanted.of(mode).add(made);
  }
  return pending.length === 0 ? undefined : Promise.all(pending).then(() => undefined);
}

function targetsOf(targets: InvalidationTargetsOption, payload: unknown, event: string) {
  return typeof targets === 'function' ? targets(payload, event) : targets;
}

function isPromise<T>(value: T | Promise<T>): value is Promise<T> {
  return typeof (value as { then?: unknown } | undefined)?.then === 'function';
}
