import { resolveWriteBehind, type WriteBehindOptions } from './write-behind.options.js';
import type { WriteBehindFeature } from './write-behind.port.js';
import { WriteBehindRuntime } from './write-behind.runtime.js';

/**
 * Durable write-behind for `CacheModule.forRoot({ redis: redisTier(...), writeBehind: writeBehind({ client, entities }) })`:
 * rows are acknowledged when Redis has them and reach Postgres in batches. Without `redis` pending rows live in this
 * process and are lost if it crashes.
 */
export function writeBehind(options: WriteBehindOptions): WriteBehindFeature {
  const resolved = resolveWriteBehind(options);
  return {
    entities: [...resolved.entities.keys()],
    open: (context) => new WriteBehindRuntime(options.client, resolved, context),
  };
}
