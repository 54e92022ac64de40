import { describe, expect, it } from '@jest/globals';
import { CacheModule, type CacheModuleOptions } from '../../src/index.js';
import { bootError, startApp } from './app.js';

/** Options as plain JavaScript, or a config file, might give them. */
function refused(options: Record<string, unknown>) {
  return bootError({ imports: [CacheModule.forRoot(options as CacheModuleOptions)] });
}

const DURATION = /Use milliseconds or a text such as '250ms', '30s', '5m', '2h', '1d'/;

const WRONG: [option: string, value: unknown, remedy: RegExp][] = [
  ['ttl', 0, DURATION],
  ['ttl', -5, DURATION],
  ['ttl', Number.NaN, DURATION],
  ['ttl', '5 minutes', DURATION],
  ['ttl', '5', DURATION],
  ['ttl', null, DURATION],
  ['grace', -1, DURATION],
  ['grace', 'soon', DURATION],
  ['graceBackoff', 0, /above 0/],
  ['hardTimeout', 0, /above 0/],
  ['shutdownTimeout', '-1s', DURATION],
  ['jitter', 1, /from 0 to below 1/],
  ['jitter', -0.1, /from 0 to below 1/],
  ['jitter', '0.1', /from 0 to below 1/],
  ['cacheNull', 'no', /true or false/],
  ['consistency', 'weak', /'eventual' or 'strong'/],
  ['tiers', ['disk'], /\['memory'\], \['redis'\] or \['memory', 'redis'\]/],
  ['tiers', [], /\['memory'\]/],
  ['tiers', 'memory', /\['memory'\]/],
  ['tiers', ['redis'], /There is no Redis: pass redis: redisTier/],
  ['prefixes', 'product:', /Pass an array/],
  ['memory', false, /A cache without Redis has only its memory/],
  ['memory', true, /Pass an object/],
  ['memory.maxEntries', 0, /whole number above 0/],
  ['memory.maxEntries', 1.5, /whole number above 0/],
  ['memory.maxEntries', '100', /whole number above 0/],
  ['memory.maxBytes', -1, /whole number of bytes above 0, or Infinity/],
  ['memory.maxBytes', '64MB', /whole number of bytes above 0, or Infinity/],
  ['memory.eviction', 'fifo', /Use 's3-fifo', 'lru' or 'lfu'/],
  ['memory.ttl', 0, /above 0/],
  ['memory.size', 10, /no such option.*maxEntries, maxBytes/],
  ['maxValueBytes', 0, /above 0/],
  ['maxValueBytes', '1000', /above 0/],
  ['values', 'copied', /'frozen', 'cloned' or 'shared'/],
  ['serializer', {}, /\{ name, encode, decode \}/],
  ['serializer', null, /\{ name, encode, decode \}/],
  ['compress', true, /Only values for Redis are compressed/],
  ['schema', 'x'.repeat(65), /at most 64 characters/],
  ['schema', {}, /text or a number/],
  ['types', class Money {}, /array of classes/],
  ['redis', {}, /Pass redisTier\(\{ url \}\) of 'nestjs-strata\/redis'/],
  ['redis', null, /or leave it out/],
  ['redis', 'redis://localhost', /redisTier/],
  ['clock', {}, /FakeClock/],
  ['random', 4, /Math\.random/],
  ['namespace', '', /letters, digits/],
  ['namespace', 'shop{1}', /letters, digits/],
  ['namespace', 'shop:e', /no part may be one of/],
  ['policies', 'product', /Pass an object/],
  ['policies.product', null, /Pass an object/],
  ['policies.product.ttl', 0, /above 0/],
  ['policies.product.jitter', 2, /from 0 to below 1/],
  ['policies.product.consistency', 'always', /'eventual' or 'strong'/],
  ['policies.product.tiers', ['redis'], /There is no Redis/],
  ['policies.product.memory', {}, /no such option/],
  ['writeBehindd', {}, /no such option.*Known: /],
  ['tttl', '5m', /Did you mean ttl\?/],
  ['hardtimeout', '5m', /Did you mean hardTimeout\?/],
];

/** `{ memory: { size: 10 } }` of `memory.size` and 10. */
function nested(path: string, value: unknown): Record<string, unknown> {
  const [first = '', ...rest] = path.split('.');
  return { [first]: rest.length === 0 ? value : nested(rest.join('.'), value) };
}

describe('a wrong option of CacheModule.forRoot', () => {
  it.each(WRONG)(
    '%s: %j is refused when the app starts, with option, value and remedy',
    async (option, value, remedy) => {
      const error = await refused(nested(option, value));
      expect(error.code).toBe('CACHE_OPTIONS');
      expect(error.message).toContain('CacheModule.forRoot() is configured wrongly');
      expect(error.problems).toEqual([{ option, value, remedy: expect.stringMatching(remedy) }]);
      expect(error.message).toContain(`- ${option}: `);
    },
  );

  it('does not fail the import of the module', () => {
    expect(() => CacheModule.forRoot({ ttl: -1, namespace: '' })).not.toThrow();
  });

  it('is reported together with all other wrong ones, each on a line of its own', async () => {
    const error = await refused({
      ttl: 0,
      jitter: 7,
      ttll: 1,
      namespace: 'a b',
      memory: { maxEntries: 0, maxBytes: 0 },
      compress: true,
      policies: { product: { ttl: '5 min', tiers: ['redis'] }, cart: { grace: -1, x: 1 } },
      shutdownTimeout: 'soon',
    });
    expect(error.problems.map(({ option }) => option).sort()).toEqual(
      [
        ...['ttl', 'jitter', 'ttll', 'namespace', 'memory.maxEntries', 'memory.maxBytes', 'compress'],
        ...['policies.product.ttl', 'policies.product.tiers', 'policies.cart.grace', 'policies.cart.x'],
        'shutdownTimeout',
      ].sort(),
    );
    expect(error.message.split('\n').filter((line) => line.startsWith('  - '))).toHaveLength(12);
    expect(error.message).toMatch(/Correct these 12 options\.$/);
  });

  it('is told apart from the good ones of a list', async () => {
    const error = await refused({
      prefixes: ['user:*:', 'product'],
      types: [Date, {}],
      policies: { cart: { prefixes: ['a:', ':'] } },
    });
    expect(error.problems.map(({ option, value }) => [option, value])).toEqual([
      ['prefixes', 'product'],
      ['policies.cart.prefixes', ':'],
      ['types', {}],
    ]);
  });

  it('is not quoted at length', async () => {
    const error = await refused({ namespace: 'x y'.repeat(1000) });
    expect(error.message.length).toBeLessThan(1000);
  });
});

describe('options that are right', () => {
  it.each<[string, CacheModuleOptions]>([
    ['no options', {}],
    ['undefined for every option', { ttl: undefined, memory: undefined, redis: undefined, policies: undefined }],
    ['Infinity as ttl and as bytes', { ttl: Number.POSITIVE_INFINITY, memory: { maxBytes: Number.POSITIVE_INFINITY } }],
    ['durations with fractions', { ttl: '1.5h', grace: '0.5d', hardTimeout: '250ms', shutdownTimeout: 0 }],
    ['no jitter', { jitter: 0 }],
    ['a namespace of several parts', { namespace: 'shop:v2' }],
    ['declared prefixes', { prefixes: ['user:*:', 'user:7:'], policies: { p: { prefixes: ['a:b:'] } } }],
    [
      'policies for both tiers, which in an app without Redis mean memory',
      { policies: { p: { tiers: ['memory', 'redis'] } } },
    ],
    ['compression that is off', { compress: false }],
    ['a number as schema', { schema: 3 }],
  ])('accepts %s', async (_, options) => {
    await startApp({ imports: [CacheModule.forRoot(options)] });
  });
});
