import type { DiscoveryService } from '@nestjs/core';
import type { InvalidationRules } from './invalidation.rules.js';

type EventName = string | symbol | readonly (string | symbol)[];

/** What we use of an `EventEmitter2`. Only its form counts: nothing here imports `@nestjs/event-emitter`. */
interface EventEmitterLike {
  on(event: string, listener: (payload?: unknown) => unknown): unknown;
  off(event: string, listener: (payload?: unknown) => unknown): unknown;
  onAny(listener: (event: EventName, payload?: unknown) => unknown): unknown;
  offAny(listener: (event: EventName, payload?: unknown) => unknown): unknown;
  emitAsync(event: string, payload?: unknown): Promise<unknown>;
  listenerCount(event: string): number;
}

/** Events that emitters send about themselves. */
const OWN_EVENTS = ['newListener', 'removeListener'];

/** The emitters of the app: `EventEmitterModule` provides one under its class. */
export function findEmitters(discovery: DiscoveryService): Set<EventEmitterLike> {
  const found = new Set<EventEmitterLike>();
  for (const wrapper of discovery.getProviders()) {
    const { token, instance } = wrapper as { token: unknown; instance: unknown };
    if (typeof token === 'function' && isEmitter(instance) && instance instanceof token) found.add(instance);
  }
  return found;
}

/** Has the rules hear an emitter; the answer ends it. `emitAsync` waits for them, and nothing they throw reaches it. */
export function listen(emitter: EventEmitterLike, rules: InvalidationRules): () => void {
  const { exact, wildcards } = rules.names();
  // One listener for everything: rules may have wildcards also where the emitter was made without `wildcard: true`.
  if (wildcards) {
    const listener = (event: EventName, payload?: unknown): unknown => {
      if (typeof event !== 'string' || OWN_EVENTS.includes(event)) return undefined;
      // Our listening must not silence an error that nobody handles.
      if (event === 'error' && emitter.listenerCount(event) === 0 && payload instanceof Error) throw payload;
      return rules.hear(event, [payload]);
    };
    emitter.onAny(listener);
    return () => void emitter.offAny(listener);
  }
  const stops = [...exact].map((event) => {
    const listener = (payload?: unknown): unknown => rules.hear(event, [payload]);
    emitter.on(event, listener);
    return () => void emitter.off(event, listener);
  });
  return () => {
    for (const stop of stops) stop();
  };
}

function isEmitter(value: unknown): value is EventEmitterLike {
  if (typeof value !== 'object' || value === null) return false;
  const methods = ['on', 'off', 'onAny', 'offAny', 'emitAsync', 'listenerCount'] as const;
  return methods.every((method) => typeof (value as Partial<EventEmitterLike>)[method] === 'function');
}
