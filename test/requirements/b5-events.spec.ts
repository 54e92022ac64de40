import { describe, expect, it } from '@jest/globals';
import type { InvalidationRule } from '../../src/index.js';
import { useWorld } from '../e2e/world.js';

interface Product {
  id: number;
  categories: string[];
}

const rules: InvalidationRule[] = [
  {
    on: 'product.updated',
    evict: (product: Product) => [
      ['product', product.id],
      { tags: product.categories.map((category) => `category:${category}`) },
      { prefix: 'list:' },
      { prefix: 'search:' },
    ],
  },
];

const KEYS = [
  ['product', 7],
  ['product', 8],
  ['category', 'hats'],
  ['category', 'shoes'],
  ['list', 'new'],
  ['search', 'red'],
];

describe('B5 invalidation by event', () => {
  const world = useWorld();

  it('B5 product updated: that product, its categories, the lists and all searches, in every process that asks Redis', async () => {
    const [one, two] = [await world.app({ invalidation: rules }), await world.app({ memory: false })];
    for (const key of KEYS) await one.cache.set(key, key, { tags: key[0] === 'category' ? [key.join(':')] : [] });
    await one.cache.emit('product.updated', { id: 7, categories: ['hats'] });
    for (const { cache } of [one, two]) {
      expect([...(await cache.getMany(KEYS)).keys()]).toEqual([
        ['product', 8],
        ['category', 'shoes'],
      ]);
    }
    await one.cache.set(['product', 7], 'new');
    await two.cache.emit('product.updated', { id: 7, categories: [] });
    expect(await one.cache.get(['product', 7])).toBe('new');
    await one.cache.emit('product.updated', { id: 7, categories: [] });
    await one.cache.emit('product.updated', { id: 7, categories: [] });
    expect(await two.cache.get(['product', 7])).toBeUndefined();
  });
});
