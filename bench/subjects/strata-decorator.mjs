/**
 * Row 3: a method with @Cacheable, beside `getOrLoad` with a ready-made key. Variants say where the method's key comes
 * from. The decorator is applied by hand: plain JavaScript has no decorators yet.
 */
import { Injectable } from '@nestjs/common';
import { keyOf } from '../lib/product.mjs';
import { Cacheable, openApplication } from './strata.mjs';

const KEYS = {
  default: undefined,
  array: (id) => ['product', id],
  template: (id) => `product:${id}`,
};

/** @param {import('../lib/subject.mjs').OpenOptions} options */
export async function open({ variant = 'default', ...options }) {
  const { load } = options;
  class Products {
    find(id) {
      return load(keyOf(id));
    }
  }
  const key = KEYS[variant];
  const descriptor = Object.getOwnPropertyDescriptor(Products.prototype, 'find');
  const decorated = Cacheable(key ? { key } : {})(Products.prototype, 'find', descriptor) ?? descriptor;
  Object.defineProperty(Products.prototype, 'find', decorated);
  Injectable()(Products);

  const { app, cache } = await openApplication(options, [Products]);
  const products = app.get(Products);
  const ready = Array.from({ length: options.maxEntries }, (_, id) => keyOf(id));
  return {
    decorated: (id) => products.find(id),
    baseline: (id) => cache.getOrLoad(ready[id], () => load(ready[id])),
    close: () => app.close(),
  };
}
