import type { FactoryProvider } from '@nestjs/common';
import { getWriteBehindToken, type WriteBehind, type WriteBehindStats } from 'nestjs-strata/write-behind';
import { MODELS, type Model } from '../database/rows.js';

type Tables = ReadonlyMap<Model, WriteBehind<object, unknown>>;

/** The token to inject what is written behind by; nothing is without the cache. */
export const WRITTEN_BEHIND = Symbol('written behind');

export const writtenBehind: FactoryProvider<Tables> = {
  provide: WRITTEN_BEHIND,
  inject: MODELS.map((model) => ({ token: getWriteBehindToken(model), optional: true })),
  useFactory: (...tables: (WriteBehind<object, unknown> | undefined)[]) =>
    new Map(MODELS.flatMap((model, index) => (tables[index] ? [[model, tables[index]] as const] : []))),
};

/** How far Postgres is behind, by model. */
export async function reportOf(tables: Tables): Promise<Record<string, WriteBehindStats> | null> {
  if (tables.size === 0) return null;
  const stats = await Promise.all([...tables].map(async ([model, table]) => [model, await table.stats()] as const));
  return Object.fromEntries(stats);
}
