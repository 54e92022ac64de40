// nestjs-strata/postgres: rows that anybody changes invalidate here, by LISTEN and NOTIFY. Needs the optional peer pg.

export type { PostgresClientLike } from './invalidation/postgres/client-like.js';
export { type PostgresEventsOptions, postgresEvents } from './invalidation/postgres/postgres-events.js';
export type { RowChange } from './invalidation/postgres/row-change.js';
export { type InvalidationTriggerOptions, invalidationTriggerSql } from './invalidation/postgres/trigger-sql.js';
