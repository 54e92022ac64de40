import type { CacheTarget } from '../engine/target.js';

/** What a rule invalidates: what `cache.evict` takes, or everything in the cache. */
export type InvalidationTarget = CacheTarget | { readonly all: true };

/**
 * One target or a list of them: `[['product', 42], { tags: ['lists'] }]`. An empty list: nothing. An array of texts may be a
 * key and a list of keys, and then means both, as in `cache.evict`.
 */
export type InvalidationTargets = InvalidationTarget | readonly InvalidationTarget[];

/** Made from the event's payload. Written as methods are, so that functions may name the type of the payload they expect. */
type FromPayload<Payload, Result> = { from(payload: Payload, event: string): Result | Promise<Result> }['from'];

/** Targets, or how to make them from the payload of the event (and its name, for rules with wildcards). */
export type InvalidationTargetsOption<Payload = unknown> =
  | InvalidationTargets
  | FromPayload<Payload, InvalidationTargets>;

/** What all rules take. */
export interface InvalidationRuleCommon<Payload = unknown> {
  /** The named cache to invalidate in. Default: that of `CacheModule.forRoot`. */
  cache?: string;
  /** Sees the payload; when it answers `false` the rule does nothing. */
  condition?: FromPayload<Payload, boolean>;
  /**
   * What to invalidate when events may have been lost, or an event does not tell enough: a connection to Postgres was away, a
   * statement changed too many rows, the rule's function threw. Default: the rule's targets if they are fixed; else, where
   * events were lost, everything in the cache.
   */
  missed?: InvalidationTargets;
}

/** What becomes of the targets: at least one of `evict` and `expire`. */
export type InvalidationAction<Payload = unknown> = InvalidationRuleCommon<Payload> &
  (
    | {
        /** These values are wrong: nobody gets them any more. */
        evict: InvalidationTargetsOption<Payload>;
        /** These values are old: they may stand in for a load that fails, for the rest of their grace. */
        expire?: InvalidationTargetsOption<Payload>;
      }
    | { evict?: InvalidationTargetsOption<Payload>; expire: InvalidationTargetsOption<Payload> }
  );

/**
 * What an event makes out of date. Events come from `cache.emit`, from `@nestjs/event-emitter` if the app imports it, and
 * from the sources in the option `invalidation`.
 */
export type InvalidationRule<Payload = unknown> = InvalidationAction<Payload> & {
  /**
   * The event or events, exact or with the wildcards of EventEmitter2: `'product.updated'`, `'product.*'` (one part),
   * `'product.**'` (any number of parts). Parts are separated by dots.
   */
  on: string | readonly string[];
};

/** Options of `@InvalidateOn` on a method, which itself says what to invalidate. */
export interface InvalidationMethodOptions<Payload = unknown> extends InvalidationRuleCommon<Payload> {
  /** `'evict'` (default): the values are wrong. `'expire'`: they are old, and may stand in for a load that fails. */
  mode?: 'evict' | 'expire';
}
