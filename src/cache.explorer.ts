import { Injectable } from '@nestjs/common';
import { DiscoveryService } from '@nestjs/core';
import { CacheOptionsError, type OptionProblem } from './cache.errors.js';
import { CacheRegistry } from './cache.registry.js';
import { DEFAULT_CACHE } from './cache.resolve.js';
import { bind, unbind } from './decorators/binding.js';
import { defaultKeyOf } from './decorators/key-builder.js';
import { configOf, type DecoratedMethod, methodsOf, whereIs } from './decorators/metadata.js';

/** What the keys are for that must differ, and what helps if they do not: in one class, between two. */
interface KeyKind {
  option: string;
  keys: string;
  within: string;
  between: string;
}

const DEFAULT_KEYS: KeyKind = {
  option: 'key',
  keys: 'default keys',
  within: 'Give one of them a key.',
  between: 'Give one of them @CacheConfig({ keyPrefix }) or its methods a key.',
};

/** A `key` of `serveStale` tells the answers of one method apart, not the methods. */
const LAST_ANSWERS: KeyKind = {
  option: 'serveStale',
  keys: 'keys of last good answers',
  within: 'Leave serveStale out of one of them.',
  between: 'Give one of them @CacheConfig({ keyPrefix }).',
};

interface Found {
  type: Function;
  methods: DecoratedMethod[];
  /** Absent for classes that are instantiated again and again: for each request, or each who injects them. */
  instance: object | undefined;
  /** Nest hands the registry to every new instance of it. */
  injected: boolean;
  /** Name of its module. */
  host: string;
}

/** Finds the app's decorated classes: binds instances that Nest did not make itself, and checks what decorators say. */
@Injectable()
export class CacheExplorer {
  constructor(
    private readonly discovery: DiscoveryService,
    private readonly registry: CacheRegistry,
  ) {}

  bindAll(): void {
    // Instances made by useFactory or useValue have no injected property; one of them may serve two apps in turn.
    for (const { instance } of this.find()) {
      if (!instance) continue;
      bind(instance, this.registry);
      this.registry.bindSites(instance);
    }
  }

  unbindAll(): void {
    for (const { instance } of this.find()) if (instance) unbind(instance, this.registry);
  }

  /** Throws one `CacheOptionsError` for everything that decorators say and that cannot be, and for what others found. */
  check(others: readonly OptionProblem[] = []): void {
    const problems = [...others];
    const keys = new Map<string, Function>();
    const prepared = new Set<Function>();
    for (const found of this.find()) {
      if (!found.instance && !found.injected) problems.push(unseen(found));
      if (prepared.has(found.type)) continue;
      prepared.add(found.type);
      for (const method of found.methods) {
        const problem = this.missing(method, found.type);
        if (problem) problems.push(problem);
        else problems.push(...this.prepare(method, found.type));
        if (method.defaultKey) problems.push(...this.sameKey(keys, method, found.type));
        if (method.keepsLast) problems.push(...this.sameKey(keys, method, found.type, LAST_ANSWERS));
      }
    }
    if (problems.length > 0) throw new CacheOptionsError(problems, 'Cache decorators are used wrongly');
  }

  /** A cache or policy that does not exist. */
  private missing(method: DecoratedMethod, type: Function): OptionProblem | undefined {
    const config = configOf(type);
    const where = whereIs(method, type);
    const cache = method.cache ?? config.cache;
    if (cache !== undefined && !this.registry.has(cache)) {
      return { option: `cache in ${where}`, value: cache, remedy: this.registry.remedy() };
    }
    const policy = method.decorator === 'CacheEvict' ? undefined : (method.policy ?? config.policy);
    if (policy === undefined || this.registry.get(cache).hasPolicy(policy)) return undefined;
    const home = cache === undefined || cache === DEFAULT_CACHE ? 'forRoot()' : `forRoot() or register() of "${cache}"`;
    const remedy = `There is no such policy: add it to policies in CacheModule.${home}.`;
    return { option: `policy in ${where}`, value: policy, remedy };
  }

  /** Options that turn out wrong when the method is made ready. */
  private prepare(method: DecoratedMethod, type: Function): OptionProblem[] {
    try {
      method.prepare({ registry: this.registry, slots: this.registry.slotsOf(type) }, type);
      return [];
    } catch (error) {
      if (!(error instanceof CacheOptionsError)) throw error;
      return error.problems.map((problem) => ({
        ...problem,
        option: `${problem.option} in ${whereIs(method, type)}`,
      }));
    }
  }

  /** Two methods whose default keys begin alike would get each other's values. */
  private *sameKey(
    known: Map<string, Function>,
    method: DecoratedMethod,
    type: Function,
    kind: KeyKind = DEFAULT_KEYS,
  ): Iterable<OptionProblem> {
    const key = defaultKeyOf({ ...method, type });
    const place = `${kind.option} ${method.cache ?? configOf(type).cache ?? DEFAULT_CACHE} ${key}`;
    const other = known.get(place);
    known.set(place, type);
    if (!other) return;
    const remedy =
      other === type
        ? `Two decorators of this class would have the same ${kind.keys}. ${kind.within}`
        : `There are two classes ${type.name || 'without a name'}: their ${kind.keys} would be the same. ${kind.between}`;
    yield { option: `${kind.option} in ${whereIs(method, type)}`, value: key, remedy };
  }

  private *find(): Iterable<Found> {
    const seen = new Set<object>();
    for (const wrapper of [...this.discovery.getProviders(), ...this.discovery.getControllers()]) {
      const once = wrapper.isDependencyTreeStatic() && !wrapper.isTransient;
      const instance: unknown = once ? wrapper.instance : undefined;
      const object = typeof instance === 'object' && instance !== null ? instance : undefined;
      const type: unknown = object?.constructor ?? wrapper.metatype;
      if (typeof type !== 'function' || seen.has(object ?? wrapper)) continue;
      seen.add(object ?? wrapper);
      const methods = methodsOf((object ? Object.getPrototypeOf(object) : type.prototype) as object | null);
      if (methods.length === 0) continue;
      const { host } = wrapper;
      const injected = host !== undefined && [...host.imports].some((imported) => exportsRegistry(imported));
      yield { type, methods, instance: object, injected, host: host?.name ?? 'its module' };
    }
  }
}

type Module = NonNullable<ReturnType<DiscoveryService['getProviders']>[number]['host']>;

/** Whether those who import a module (global ones are imported by all) can inject the registry. */
function exportsRegistry(module: Module, visited = new Set<Module>()): boolean {
  if (visited.has(module)) return false;
  visited.add(module);
  if (module.exports.has(CacheRegistry)) return true;
  return [...module.imports].some((inner) => module.exports.has(inner.metatype) && exportsRegistry(inner, visited));
}

function unseen({ type, methods, host }: Found): OptionProblem {
  const names = methods.map(({ decorator, method }) => `@${decorator} ${String(method)}`).join(', ');
  const remedy = `Its instances are made later, and ${host} does not see the cache: import the module that exports it there, or leave isGlobal of CacheModule at true.`;
  return { option: `${type.name} (${names})`, value: host, remedy };
}
