// nestjs-strata/redis: the Redis tier. Needs the optional peer ioredis (5 or 6).

export type { RedisLike } from './tiers/redis/redis-like.js';
export { type BusKind, type RedisTierOptions, redisTier } from './tiers/redis/redis-tier.js';
