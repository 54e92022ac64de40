import { Injectable } from '@nestjs/common';
import { DiscoveryService } from '@nestjs/core';
import { CacheOptionsError, type OptionProblem } from './cache.errors.js';
import { CacheRegistry } from './cache.registry.js';
import { bind, unbind } from './decorators/binding.js';
import { configOf, type DecoratedMethod, methodsOf } from './decorators/metadata.js';

interface Found {
  type: Function;
  methods: DecoratedMethod[];
  /** Absent for classes that are instantiated for each request. */
  instance: object | undefined;
  /** Nest hands the registry to every new instance of it. */
  injected: boolean;
}

/** Finds the app's decorated classes: binds instances that Nest did not make itself, and checks what decorators name. */
@Injectable()
export class CacheExplorer {
  constructor(
    private readonly discovery: DiscoveryService,
    private readonly registry: CacheRegistry,
  ) {}

  bindAll(): void {
    // Instances made by useFactory or useValue have no injected property; one of them may serve two apps in turn.
    for (const { instance } of this.find()) if (instance) bind(instance, this.registry);
  }

  unbindAll(): void {
    for (const { instance } of this.find()) if (instance) unbind(instance, this.registry);
  }

  /** Throws one `CacheOptionsError` for all that decorators name and that does not exist. */
  check(): void {
    const problems: OptionProblem[] = [];
    const names = new Map<string, Function>();
    for (const { type, methods, instance, injected } of this.find()) {
      const config = configOf(type);
      for (const method of methods) {
        const where = `@${method.decorator} of ${type.name}.${String(method.method)}`;
        problems.push(...this.problemsOf(where, method.cache ?? config.cache, method.policy ?? config.policy));
        if (!instance && !injected) {
          const remedy = 'Import CacheModule in the module of this class, or make it global (isGlobal).';
          problems.push({ option: where, value: 'no cache', remedy });
        }
      }
      if (methods.some((method) => method.defaultKey) && config.keyPrefix === undefined) {
        const other = names.get(type.name);
        if (other && other !== type) {
          const remedy = `There are two classes ${type.name}: their default keys would be the same. Give one of them @CacheConfig({ keyPrefix }) or its methods a key.`;
          problems.push({ option: 'key', value: type.name, remedy });
        }
        names.set(type.name, type);
      }
    }
    if (problems.length > 0) throw new CacheOptionsError(problems, 'Decorators name what does not exist');
  }

  private *problemsOf(where: string, cache: string | undefined, policy: string | undefined): Iterable<OptionProblem> {
    if (cache !== undefined && !this.registry.has(cache)) {
      yield { option: `cache in ${where}`, value: cache, remedy: this.registry.remedy() };
    } else if (policy !== undefined && !this.registry.get(cache).hasPolicy(policy)) {
      const remedy = 'Add it to policies in CacheModule.forRoot().';
      yield { option: `policy in ${where}`, value: policy, remedy };
    }
  }

  private *find(): Iterable<Found> {
    const seen = new Set<unknown>();
    for (const wrapper of [...this.discovery.getProviders(), ...this.discovery.getControllers()]) {
      const instance: unknown = wrapper.isDependencyTreeStatic() ? wrapper.instance : undefined;
      const object = typeof instance === 'object' && instance !== null ? instance : undefined;
      const type: unknown = object?.constructor ?? wrapper.metatype;
      if (typeof type !== 'function' || seen.has(object ?? type)) continue;
      seen.add(object ?? type);
      const methods = methodsOf((object ? Object.getPrototypeOf(object) : type.prototype) as object | null);
      if (methods.length === 0) continue;
      yield { type, methods, instance: object, injected: wrapper.host !== undefined && seesRegistry(wrapper.host) };
    }
  }
}

/** Whether Nest can inject the registry into classes of a module: something it imports (global modules too) exports it. */
function seesRegistry(module: Module, visited = new Set<Module>()): boolean {
  if (visited.has(module)) return false;
  visited.add(module);
  return [...module.imports].some(
    (imported) =>
      imported.exports.has(CacheRegistry) ||
      [...imported.imports].some((inner) => imported.exports.has(inner.metatype) && seesRegistry(imported, visited)),
  );
}

type Module = NonNullable<ReturnType<DiscoveryService['getProviders']>[number]['host']>;
