import { CacheOptionsError } from '../cache.errors.js';
import { declareRule } from '../invalidation/declared-rules.js';
import type {
  InvalidationAction,
  InvalidationMethodOptions,
  InvalidationTargets,
} from '../invalidation/invalidation.rule.js';

/** A method that makes targets from the payload of an event (and its name). */
type TargetsMethod = (payload: never, event: string) => InvalidationTargets | Promise<InvalidationTargets>;

/** Goes on methods that return what to invalidate. */
export type InvalidationMethodDecorator = <M extends TargetsMethod>(
  prototype: object,
  name: string | symbol,
  descriptor: TypedPropertyDescriptor<M>,
) => void;

/**
 * On a class: a rule that holds in every app that has the class among its providers or controllers. On a method: when the
 * event comes, the method gets its payload and returns what to invalidate (`[]`: nothing). Instances whose scope is the
 * request or the one who injects them have no such methods. Events, wildcards: see `InvalidationRule`.
 */
export function InvalidateOn<Payload = unknown>(
  event: string | readonly string[],
  rule: InvalidationAction<Payload>,
): ClassDecorator;
export function InvalidateOn<Payload = unknown>(
  event: string | readonly string[],
  options?: InvalidationMethodOptions<Payload>,
): InvalidationMethodDecorator;
export function InvalidateOn(on: string | readonly string[], options: object = {}): unknown {
  return (owner: object, method?: string | symbol, descriptor?: PropertyDescriptor) => {
    if (method === undefined) return declareRule(owner, { on, options });
    if (typeof owner === 'function' || typeof descriptor?.value !== 'function') throw misplaced(owner, method);
    declareRule(owner, { on, options, method });
  };
}

function misplaced(owner: object, method: string | symbol): CacheOptionsError {
  const place = typeof owner === 'function' ? `static ${owner.name}` : owner.constructor.name;
  const remedy =
    'Put it on a class, or on a method of a provider or controller (not static, no property, no accessor).';
  const problem = { option: `${place}.${String(method)}`, value: undefined, remedy };
  return new CacheOptionsError([problem], '@InvalidateOn stands in the wrong place');
}
