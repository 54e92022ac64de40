// nestjs-strata/write-behind: durable write-behind to Postgres. Needs the optional peer bullmq, and a Prisma client.

export type { PrismaClientLike } from './write-behind/prisma/prisma-client-like.js';
export {
  WriteBehindConflictError,
  WriteBehindDatabaseError,
  WriteBehindDeadLetterError,
  WriteBehindOverflowError,
  WriteBehindRowError,
  WriteBehindTimeoutError,
  WriteBehindUnavailableError,
} from './write-behind/write-behind.errors.js';
export { writeBehind } from './write-behind/write-behind.feature.js';
export type {
  DeadLetter,
  DeadLetters,
  Durability,
  WriteBehind,
  WriteBehindStats,
  WriteOptions,
  WriteReceipt,
} from './write-behind/write-behind.js';
export type { EntityOptions, EntityTuning, WriteBehindOptions } from './write-behind/write-behind.options.js';
export type { WriteBehindFeature } from './write-behind/write-behind.port.js';
export { getWriteBehindToken, InjectWriteBehind } from './write-behind/write-behind.tokens.js';
