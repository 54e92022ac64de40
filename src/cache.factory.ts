import type { CacheModuleOptions, CacheOptions } from './cache.options.js';
import type { ResolvedCache } from './cache.resolve.js';
import { Cache } from './engine/cache.js';
import { type Clock, SystemClock } from './engine/clock.js';
import { Codec } from './engine/codec.js';
import { ALONE, Background, type Core } from './engine/core.js';
import { Epochs } from './engine/epochs.js';
import { EventHub } from './engine/events.js';
import { Flights } from './engine/flights.js';
import { Incoming } from './engine/incoming.js';
import { Lanes } from './engine/lanes/lanes.js';
import type { MemoryEntry } from './engine/memory-entry.js';
import type { LoadOptions } from './engine/policy.js';
import { Prefixes } from './engine/prefixes.js';
import { jsonSerializer } from './engine/serializer.js';
import { Counters } from './engine/stats.js';
import { Values } from './engine/value.js';
import { ValueTypes } from './engine/value-types.js';
import { VersionSource } from './engine/version.js';
import { Warming } from './engine/warming.js';
import { BoundedStore } from './tiers/memory/bounded-store.js';
import type { EvictionName } from './tiers/memory/eviction.js';
import { MemoryAtomics } from './tiers/memory/memory-atomics.js';
import type { OpenedTier } from './tiers/tier.js';

/** A cache ready for use, and how its remote tier is started. */
export interface BuiltCache {
  cache: Cache;
  /** What its names in Redis begin with. */
  namespace: string;
  /** Of its memory, if it has one. */
  eviction: EvictionName | undefined;
  /** Waits for Redis, within a deadline; whether it is there. `undefined` in a cache without Redis. */
  start: OpenedTier['start'] | undefined;
}

/** What all caches of an app share. */
export interface SharedParts {
  clock: Clock;
  random: () => number;
  redis: CacheModuleOptions['redis'];
}

export function sharedParts({ clock, random, redis }: CacheModuleOptions): SharedParts {
  return { clock: clock ?? new SystemClock(), random: random ?? Math.random, redis };
}

/** Puts the parts of a cache together. */
export function buildCache(resolved: ResolvedCache, options: CacheOptions, shared: SharedParts): BuiltCache {
  const { clock, random, redis } = shared;
  const { memory, limits, serializer, schema, compressFrom } = resolved;
  const types = new ValueTypes(options.types);
  const events = new EventHub();
  const counters = new Counters();
  const epochs = new Epochs();
  const opened = redis?.open(resolved.namespace, clock, {
    onError: (operation, error) => {
      counters.errors++;
      events.emit('error', { operation, error });
    },
    onConnection: (ready) => events.emit('connection', { ready }),
  });
  const policyOf = (one: LoadOptions | undefined) => resolved.policies.of(one);
  const core: Core = {
    clock,
    random,
    trust: opened?.remote.trust ?? ALONE,
    memory: memory && new BoundedStore<MemoryEntry>(memory),
    remote: opened?.remote,
    epochs,
    flights: new Flights(epochs, clock),
    prefixes: new Prefixes(resolved.prefixes),
    policies: resolved.policies,
    lanes: new Lanes(
      clock,
      resolved.policies.all().map(({ loads }) => loads),
    ),
    values: new Values(types, limits.maxValueBytes),
    codec: new Codec({ serializer, schema, compressFrom, maxBytes: limits.maxValueBytes }, types),
    versions: opened?.remote.versions ?? new VersionSource(),
    events,
    counters,
    limits,
    background: new Background(),
    warming: new Warming(new Values(types), recipeCodec(types), policyOf),
    watch: undefined,
    sources: new Map(),
  };
  opened?.remote.hear(new Incoming(core));
  const cache = new Cache(resolved.name, core, opened?.atomics ?? new MemoryAtomics(clock), {
    maxEntries: memory?.maxEntries ?? 0,
    maxBytes: memory?.maxBytes ?? 0,
  });
  return { cache, namespace: resolved.namespace, eviction: memory?.eviction, start: opened?.start };
}

/** Of the arguments of methods, which outlive a deploy. */
function recipeCodec(types: ValueTypes): Codec {
  const options = { serializer: jsonSerializer, schema: '', compressFrom: Number.POSITIVE_INFINITY, maxBytes: 65_536 };
  return new Codec(options, types);
}
