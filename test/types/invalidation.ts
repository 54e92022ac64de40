// Compiled by `npm run typecheck`, never run: every `@ts-expect-error` must be an error, and nothing else may be one.

import pg from 'pg';
import { CacheModule, type CacheService, InvalidateOn, type InvalidationRule } from '../../src/index.js';
import { invalidationTriggerSql, postgresEvents, type RowChange } from '../../src/postgres.js';
import { check, type Is } from './is.js';

interface Product {
  id: number;
  categories: string[];
}
declare const cache: CacheService;

export const rules: InvalidationRule[] = [
  { on: 'product.updated', evict: (product: Product) => ['product', product.id] },
  { on: ['product.*', 'order.placed'], evict: [['product', 1], { tags: ['lists'] }], expire: { prefix: 'search:' } },
  { on: 'a', expire: async (product: Product, event) => [{ tags: product.categories }, event] },
  { on: 'a', evict: { all: true }, cache: 'search', condition: (product: Product) => product.id > 0, missed: 'x' },
  {
    on: 'products.*',
    evict: ({ id, old, new: now }: RowChange<{ category: string }>) => {
      check<Is<typeof id, string | number>>();
      check<Is<typeof old, { category: string } | undefined>>();
      return [['product', id], { tags: [old, now].flatMap((row) => (row ? [row.category] : [])) }];
    },
  },
  {
    on: 'a',
    evict: (payload, event) => {
      check<Is<typeof payload, unknown>>();
      check<Is<typeof event, string>>();
      return [];
    },
  },
  // @ts-expect-error: it says what to invalidate
  { on: 'a' },
  // @ts-expect-error: on what
  { evict: 'x' },
  // @ts-expect-error: no such target
  { on: 'a', evict: { tag: 'x' } },
  // @ts-expect-error: [] says that nothing is to be invalidated
  { on: 'a', evict: () => undefined },
];

export const typed: InvalidationRule<Product> = {
  on: 'product.updated',
  condition: (product) => product.categories.length > 0,
  evict: (product) => ['product', product.id],
};

@InvalidateOn('product.deleted', { evict: (product: Product) => ['product', product.id] })
export class Rules {
  @InvalidateOn(['product.*'], { mode: 'expire', missed: { prefix: 'product:' } })
  changed(product: Product) {
    return [['product', product.id], { tags: product.categories }];
  }

  @InvalidateOn('a', { condition: (product: Product) => product.id > 0 })
  async later(_product: Product, event: string) {
    return event;
  }

  // @ts-expect-error: the method returns what to invalidate
  @InvalidateOn('a')
  nothing(): void {}

  // @ts-expect-error: the method says what to invalidate
  @InvalidateOn('a', { evict: 'x' })
  both() {
    return 'x';
  }
}

// @ts-expect-error: on a class the rule says what to invalidate
@InvalidateOn('a')
export class Empty {}

export async function emits(): Promise<void> {
  await cache.emit('product.updated', { id: 1 });
  await cache.emit('started');
  // @ts-expect-error: events have names
  await cache.emit(1);
}

export const sql = invalidationTriggerSql({ table: 'products', columns: ['category'], id: ['a', 'b'] });

export const modules = [
  CacheModule.forRoot({ invalidation: rules }),
  CacheModule.forRoot({
    invalidation: {
      rules,
      sources: [
        postgresEvents({ connectionString: 'postgres://localhost', events: ['products.*'], heartbeat: '5s' }),
        postgresEvents({ client: () => new pg.Client() }),
      ],
    },
  }),
  // @ts-expect-error: no such option
  CacheModule.forRoot({ invalidation: { rule: rules } }),
];
