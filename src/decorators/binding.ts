import 'reflect-metadata';
import { Inject, Optional } from '@nestjs/common';
import { CacheRegistry } from '../cache.registry.js';

/** What a decorated instance knows of its app: the caches, and what was prepared for its class. */
export interface Binding {
  readonly registry: CacheRegistry;
  readonly slots: unknown[];
}

/**
 * Which app an instance belongs to. Per instance, not per process: two apps in one process must not see each other's
 * cache. An instance that belongs to none (`new Service()` in a unit test) runs its methods undecorated.
 */
const bindings = new WeakMap<object, Binding>();

const REGISTRY = Symbol('nestjs-strata.registry');

export function bindingOf(instance: object): Binding | undefined {
  return bindings.get(instance);
}

export function bind(instance: object, registry: CacheRegistry): void {
  bindings.set(instance, { registry, slots: registry.slotsOf(instance.constructor) });
}

/** Forgets the app, if it still is this one: an instance may have moved to another app since. */
export function unbind(instance: object, registry: CacheRegistry): void {
  if (bindings.get(instance)?.registry === registry) bindings.delete(instance);
}

/**
 * Has Nest hand the app's registry to every instance of a class, also to request-scoped ones, by a hidden property that
 * nobody has to declare.
 */
export function injectRegistry(prototype: object): void {
  if (Object.hasOwn(prototype, REGISTRY)) return;
  Object.defineProperty(prototype, REGISTRY, {
    configurable: true,
    set(this: object, registry: CacheRegistry | undefined) {
      if (registry) bind(this, registry);
    },
    get(this: object) {
      return bindings.get(this)?.registry;
    },
  });
  Optional()(prototype, REGISTRY);
  Inject(CacheRegistry)(prototype, REGISTRY);
}
