import 'reflect-metadata';
import { CacheOptionsError } from '../cache.errors.js';
import { type Binding, bindingOf, injectRegistry } from './binding.js';
import { addMethod, type DecoratedMethod } from './metadata.js';

export type AnyFunction = (...args: unknown[]) => unknown;

/** A call of a decorated method, prepared for one class in one app. */
export type Prepared = (instance: object, args: unknown[], original: AnyFunction) => unknown;

let slots = 0;

/**
 * Replaces a method by one that asks `prepare` (once for each class and app) what to do. The method keeps its name, its
 * length and the metadata other decorators gave it; instances without an app run the original.
 */
export function wrapMethod(
  prototype: object,
  descriptor: PropertyDescriptor | undefined,
  info: DecoratedMethod,
  prepare: (binding: Binding, type: Function) => Prepared,
): void {
  const original: unknown = descriptor?.value;
  if (typeof prototype === 'function' || typeof original !== 'function' || !descriptor) {
    throw misplaced(prototype, info, original);
  }
  const slot = slots++;
  const wrapper = new Proxy(original as AnyFunction, {
    apply(target, instance: object, args: unknown[]) {
      const binding = bindingOf(instance);
      if (binding === undefined || binding.registry.closed) return Reflect.apply(target, instance, args);
      let prepared = binding.slots[slot] as Prepared | undefined;
      if (prepared === undefined) {
        prepared = prepare(binding, instance.constructor);
        binding.slots[slot] = prepared;
      }
      return prepared(instance, args, target);
    },
  });
  for (const key of Reflect.getOwnMetadataKeys(original)) {
    Reflect.defineMetadata(key, Reflect.getOwnMetadata(key, original), wrapper);
  }
  descriptor.value = wrapper;
  addMethod(prototype, info);
  injectRegistry(prototype);
}

function misplaced(prototype: object, info: DecoratedMethod, value: unknown): CacheOptionsError {
  const name = typeof prototype === 'function' ? `static ${prototype.name}` : prototype.constructor.name;
  const remedy = 'Put the decorator on a method of a provider or controller (not static, no property or accessor).';
  return new CacheOptionsError(
    [{ option: `${name}.${String(info.method)}`, value, remedy }],
    `@${info.decorator} stands in the wrong place`,
  );
}
