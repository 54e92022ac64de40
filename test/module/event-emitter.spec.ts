import { describe, expect, it } from '@jest/globals';
import { EventEmitter2, EventEmitterModule } from '@nestjs/event-emitter';
import { CacheModule, CacheService, type InvalidationRule } from '../../src/index.js';
import { deferred, startApp } from './app.js';

type EmitterOptions = Parameters<typeof EventEmitterModule.forRoot>[0];

async function start(invalidation: InvalidationRule[], options?: EmitterOptions) {
  const app = await startApp({
    imports: [CacheModule.forRoot({ invalidation }), EventEmitterModule.forRoot(options)],
  });
  const cache = app.get(CacheService);
  for (const key of ['x', 'y']) await cache.set(key, key);
  const left = async () => [...(await cache.getMany(['x', 'y'])).keys()];
  const errors: unknown[] = [];
  cache.on('error', (event) => errors.push(event));
  return { app, cache, emitter: app.get(EventEmitter2), left, errors };
}

describe('an app with EventEmitterModule', () => {
  const rule = { on: 'product.updated', evict: (payload: { key: string }) => payload.key };

  it('has its rules hear what is emitted, in memory at once', async () => {
    const { emitter, cache } = await start([rule]);
    emitter.emit('product.updated', { key: 'x' });
    expect(cache.peek('x')).toBeUndefined();
    expect(cache.peek('y')).toBe('y');
  });

  it('may wait for the invalidations with emitAsync', async () => {
    const answer = deferred<string>();
    const { emitter, left } = await start([{ on: 'a', evict: () => answer.promise }]);
    const emitted = emitter.emitAsync('a');
    expect(await left()).toEqual(['x', 'y']);
    answer.resolve('x');
    await emitted;
    expect(await left()).toEqual(['y']);
  });

  it.each<[string, EmitterOptions]>([
    ['without wildcards', undefined],
    ['with wildcards', { wildcard: true }],
  ])('has wildcards in rules, also where the emitter is one %s', async (_what, options) => {
    const { emitter, left } = await start([{ ...rule, on: 'product.*' }], options);
    await emitter.emitAsync('product.price.updated', { key: 'x' });
    expect(await left()).toEqual(['x', 'y']);
    await emitter.emitAsync('product.created', { key: 'x' });
    expect(await left()).toEqual(['y']);
  });

  it('hears names that are given in parts', async () => {
    const { emitter, left } = await start([{ ...rule, on: 'product.*' }], { wildcard: true });
    await emitter.emitAsync(['product', 'updated'], { key: 'x' });
    expect(await left()).toEqual(['y']);
    await emitter.emitAsync(['product', Symbol('y')], { key: 'y' });
    expect(await left()).toEqual(['y']);
  });

  it.each(['product.updated', '**'])(
    'gets nothing of what a rule for "%s" throws: the error event tells it',
    async (on) => {
      const failure = new Error('broken rule');
      const evict = () => {
        throw failure;
      };
      const { emitter, errors } = await start([{ on, evict }]);
      expect(emitter.emit('product.updated', 1)).toBe(true);
      await emitter.emitAsync('product.updated', 1);
      const told = { operation: 'invalidation rule', error: expect.objectContaining({ cause: failure }) };
      expect(errors).toEqual([told, told]);
    },
  );

  it('still throws an error event that nobody handles', async () => {
    const { emitter } = await start([{ on: '**', evict: 'x' }]);
    expect(() => emitter.emit('error', new Error('unhandled'))).toThrow('unhandled');
    emitter.on('error', () => undefined);
    expect(emitter.emit('error', new Error('handled'))).toBe(true);
  });

  it('is left alone where there are no rules, and after the app was closed', async () => {
    const without = await start([]);
    expect(without.emitter.eventNames()).toEqual([]);
    const { app, emitter } = await start([rule]);
    expect(emitter.listenerCount('product.updated')).toBe(1);
    await app.close();
    expect(emitter.listenerCount('product.updated')).toBe(0);
  });

  it('tells each of two apps only its own events', async () => {
    const [one, two] = [await start([rule]), await start([rule])];
    await one.emitter.emitAsync('product.updated', { key: 'x' });
    expect(await one.left()).toEqual(['y']);
    expect(await two.left()).toEqual(['x', 'y']);
  });
});

describe('an app without EventEmitterModule', () => {
  it('is not disturbed by providers that look a little like an emitter', async () => {
    const app = await startApp({
      imports: [CacheModule.forRoot({ invalidation: [{ on: 'a', evict: 'x' }] })],
      providers: [{ provide: EventEmitter2, useValue: { emit: () => true } }],
    });
    await app.get(CacheService).emit('a');
  });
});
