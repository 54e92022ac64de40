import 'reflect-metadata';
import { defer, isObservable, lastValueFrom, Observable, type ObservableInput } from 'rxjs';
import { CacheOptionsError } from '../cache.errors.js';
import { type Binding, bindingOf, injectRegistry } from './binding.js';
import { addMethod, type MethodInfo } from './metadata.js';

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
  info: MethodInfo,
  prepare: (binding: Binding, type: Function) => Prepared,
): void {
  const original: unknown = descriptor?.value;
  if (typeof prototype === 'function' || typeof original !== 'function' || !descriptor) {
    throw misplaced(prototype, info, original);
  }
  if (/Generator/.test(Object.prototype.toString.call(original))) throw misplaced(prototype, info, original);
  const slot = slots++;
  const observable = !info.streams && Reflect.getMetadata('design:returntype', prototype, info.method) === Observable;
  const prepareOnce = (binding: Binding, type: Function): Prepared => {
    const call = prepare(binding, type);
    const prepared = observable ? observed(call) : call;
    binding.slots[slot] = prepared;
    return prepared;
  };
  const wrapper = new Proxy(original as AnyFunction, {
    apply(target, instance: object, args: unknown[]) {
      const binding = bindingOf(instance);
      if (binding === undefined || (binding.registry.closed && info.durable !== true))
        return Reflect.apply(target, instance, args);
      let prepared = binding.slots[slot] as Prepared | undefined;
      if (prepared === undefined) prepared = prepareOnce(binding, instance.constructor);
      return prepared(instance, args, target);
    },
  });
  for (const key of Reflect.getOwnMetadataKeys(original)) {
    Reflect.defineMetadata(key, Reflect.getOwnMetadata(key, original), wrapper);
  }
  descriptor.value = wrapper;
  addMethod(prototype, { ...info, prototype, prepare: prepareOnce });
  injectRegistry(prototype);
}

/** Calls for which the condition does not hold run the method as if it were not decorated. */
export function when(condition: ((...args: never[]) => boolean) | undefined, call: Prepared): Prepared {
  if (condition === undefined) return call;
  return (instance, args, original) => {
    let holds: boolean;
    try {
      holds = condition(...(args as never[]));
    } catch (error) {
      return Promise.reject(error);
    }
    return holds ? call(instance, args, original) : Reflect.apply(original, instance, args);
  };
}

/** What a method returned, as a promise or value: of an observable the last value. */
export function settle(result: unknown): unknown {
  return isObservable(result) ? lastValueFrom(result, { defaultValue: undefined }) : result;
}

/** The call of a method declared to return an `Observable`: begins with each subscription. */
function observed(call: Prepared): Prepared {
  return (instance, args, original) => defer(() => call(instance, args, original) as ObservableInput<unknown>);
}

function misplaced(prototype: object, info: MethodInfo, value: unknown): CacheOptionsError {
  const name = typeof prototype === 'function' ? `static ${prototype.name}` : prototype.constructor.name;
  const remedy =
    'Put the decorator on a method of a provider or controller (not static, no property, accessor or generator).';
  return new CacheOptionsError(
    [{ option: `${name}.${String(info.method)}`, value, remedy }],
    `@${info.decorator} stands in the wrong place`,
  );
}
