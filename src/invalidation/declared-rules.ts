import type { DiscoveryService } from '@nestjs/core';
import { Check, isRecord } from '../cache.check.js';
import type { OptionProblem } from '../cache.errors.js';
import { type ResolvedRule, resolveRule } from './invalidation.check.js';
import type { InvalidationTargets } from './invalidation.rule.js';

/** What one `@InvalidateOn` says. */
interface Declared {
  readonly on: unknown;
  readonly options: unknown;
  /** Of a method; else of a class. */
  readonly method?: string | symbol;
}

const byClass = new WeakMap<object, Declared[]>();

/** `owner`: the class, or the prototype that has the method. */
export function declareRule(owner: object, declared: Declared): void {
  const list = byClass.get(owner);
  if (list) list.push(declared);
  else byClass.set(owner, [declared]);
}

/** The rules that the classes of an app declare, and what is wrong with them. */
export function declaredRules(discovery: DiscoveryService): { rules: ResolvedRule[]; problems: OptionProblem[] } {
  const rules: ResolvedRule[] = [];
  const problems: OptionProblem[] = [];
  const seen = new Set<unknown>();
  const add = (
    declared: Declared,
    where: string,
    method?: (payload: unknown, event: string) => InvalidationTargets,
  ) => {
    const found: OptionProblem[] = [];
    const { on, options } = declared;
    const check = new Check('', found);
    if (!isRecord(options))
      check.fail('rule', options, "Pass an object: { evict: (product) => ['product', product.id] }.");
    else rules.push(resolveRule(check, { ...options, on }, where, method));
    problems.push(...found.map((problem) => ({ ...problem, option: `${problem.option} in ${where}` })));
  };
  for (const wrapper of [...discovery.getProviders(), ...discovery.getControllers()]) {
    const single = wrapper.isDependencyTreeStatic() && !wrapper.isTransient;
    const given: unknown = single ? wrapper.instance : undefined;
    const instance = typeof given === 'object' && given !== null ? given : undefined;
    const type: unknown = instance?.constructor ?? wrapper.metatype;
    if (typeof type !== 'function' || !type.prototype) continue;
    for (const declared of ofClass(type)) {
      // A class that extends another one has its rules, and both may be providers.
      if (seen.has(declared)) continue;
      seen.add(declared);
      add(declared, `@InvalidateOn of ${type.name}`);
    }
    if (seen.has(instance ?? type)) continue;
    seen.add(instance ?? type);
    for (const { declared, name } of ofMethods(type.prototype as object)) {
      const where = `@InvalidateOn of ${type.name}.${String(name)}`;
      if (instance) {
        const method = (instance as Record<string | symbol, (payload: unknown, event: string) => InvalidationTargets>)[
          name
        ];
        add(declared, where, (payload, event) => Reflect.apply(method as Function, instance, [payload, event]));
        continue;
      }
      const remedy =
        'It has no instance that lives as long as the app: move the method to a provider of default scope.';
      problems.push({ option: where, value: type.name, remedy });
    }
  }
  return { rules, problems };
}

function* ofClass(type: Function): Iterable<Declared> {
  for (let level: unknown = type; typeof level === 'function'; level = Object.getPrototypeOf(level)) {
    yield* byClass.get(level) ?? [];
  }
}

/** Of the methods as the class has them: one that is overridden is another method, as for Nest's own decorators. */
function* ofMethods(prototype: object): Iterable<{ declared: Declared; name: string | symbol }> {
  const known = new Set<string | symbol>();
  for (let level = prototype; level && level !== Object.prototype; level = Object.getPrototypeOf(level)) {
    for (const declared of byClass.get(level) ?? []) {
      const { method: name } = declared;
      if (name !== undefined && !known.has(name)) yield { declared, name };
    }
    for (const name of Reflect.ownKeys(level)) known.add(name);
  }
}
