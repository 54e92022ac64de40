import { beforeEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { resolveRoot } from '../../../src/cache.resolve.js';
import { compilePattern } from '../../../src/engine/pattern.js';
import { CacheModule, type CacheModuleOptions } from '../../../src/index.js';
import type { RemoteTier } from '../../../src/tiers/tier.js';
import { newVersion, useRig, value } from './rig.js';

const MINUTE = 60_000;

/** Keys with everything that means something to a glob, to Redis Cluster, to our escapes, or to UTF-8. */
const ODD = [
  'plain',
  'a:b:c',
  'user:*',
  'user:?',
  'user:[ab]',
  'user:a',
  'user:[^a]',
  'back\\slash',
  'back\\*',
  '{tag}',
  'x{tag}y',
  '}{',
  '%',
  '%25',
  '%7b',
  '%ud800',
  '100%',
  'ä',
  'äö',
  '日本語',
  '😀',
  '😀😀',
  'e\u0301',
  '\u0000',
  '\r\n',
  'tab\t',
  ' ',
  '\ud800',
  '\udfff',
  'a\ud800b',
  '\udfff\ud800',
  '"quoted"',
  "it's",
  '^',
  '$',
  '(a|b)',
  '.',
  '..',
  'a.b',
  '-',
  '+',
  '\u2028',
]; // prettier-ignore

const PATTERNS = [
  '*',
  'user:*',
  'user:?',
  '?',
  '??',
  'user:[ab]',
  'user:[^a]*',
  '*{tag}*',
  '{*}',
  '%*',
  '%7b',
  'back\\*',
  'ä?',
  '?ö',
  '日?語',
  '😀*',
  'a*b',
  '*:b:*',
  '\ud800*',
  '*\ud800?',
  '^*',
  '(a|b)',
  '.',
  '*.*',
  '\u0000',
  'nothing',
  '*a*',
  '**',
  '?*',
  'e?',
  ' ',
]; // prettier-ignore

async function found(remote: RemoteTier, pattern: string): Promise<string[]> {
  const keys = new Set<string>();
  for await (const batch of remote.scan(pattern)) for (const key of batch) keys.add(key);
  return [...keys].sort();
}

describe('scan', () => {
  const rig = useRig();
  let remote: RemoteTier;

  beforeEach(async () => {
    ({ remote } = await rig.open());
  });

  async function store(keys: readonly string[], into: RemoteTier = remote): Promise<void> {
    await Promise.all(keys.map((key) => into.put(key, undefined, value(newVersion(), key), MINUTE)));
  }

  it('gives back every key as it was stored, whatever stands in it', async () => {
    await store(ODD);
    expect(await found(remote, '*')).toEqual([...ODD].sort());
  });

  it.each(PATTERNS)('finds by %j what the same pattern finds in memory', async (pattern) => {
    await store(ODD);
    expect(await found(remote, pattern)).toEqual(ODD.filter(compilePattern(pattern)).sort());
  });

  it('finds holds too, so that loads under way are refused', async () => {
    await remote.hold('search:1', newVersion(), MINUTE);
    expect(await found(remote, 'search:*')).toEqual(['search:1']);
  });

  it('goes through many keys in steps, each found', async () => {
    const keys = Array.from({ length: 2_000 }, (_, i) => `many:${i}`);
    await store(keys);
    expect(await found(remote, 'many:*')).toEqual([...keys].sort());
  });

  it('finds neither markers, counters, leases nor rate limits', async () => {
    const { atomics } = await rig.open();
    await remote.mark(['*', 't:a'], MINUTE);
    await atomics.increment('count', 1, MINUTE);
    await atomics.acquire('lease', 'token', MINUTE);
    await atomics.rateLimit('limit', 5, MINUTE);
    await store(['entry']);
    expect(await found(remote, '*')).toEqual(['entry']);
  });

  it('never leaves its namespace', async () => {
    const inside = [
      rig.namespace,
      `${rig.namespace}:b`,
      `${rig.namespace}/named`,
      `${rig.namespace}b`,
      `x${rig.namespace}`,
    ];
    const tiers = await Promise.all(inside.map((namespace) => rig.open({ namespace })));
    rig.later(() => rig.redis.unlink(`x${rig.namespace}:e:key of x${rig.namespace}`));
    await Promise.all(tiers.map((tier, i) => store([`key of ${inside[i]}`], tier.remote)));
    for (const [i, tier] of tiers.entries()) {
      expect(await found(tier.remote, '*')).toEqual([`key of ${inside[i]}`]);
      expect(await found(tier.remote, '?ey of*')).toEqual([`key of ${inside[i]}`]);
    }
  });

  it("sees only what the prefix of the app's own client covers, and gives keys without it", async () => {
    const keyPrefix = `${rig.namespace}-[x]*?:`;
    const prefixed = await rig.open({ client: rig.client({ keyPrefix }) });
    await store(['both', 'prefixed'], prefixed.remote);
    await store(['both', 'plain']);
    expect(await rig.redis.exists(`${keyPrefix}${rig.entry('prefixed')}`)).toBe(1);
    expect(await found(prefixed.remote, '*')).toEqual(['both', 'prefixed']);
    expect(await found(remote, '*')).toEqual(['both', 'plain']);
  });

  it('tells any two keys apart (random text)', async () => {
    const text = fc.string({
      unit: fc.oneof(fc.constantFrom(...'{}%*?[]\\:u0d8', '\ud83d', '\ude00'), fc.string()),
      minLength: 1,
    });
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(
          text.filter((key) => key.length > 0),
          { minLength: 2, maxLength: 8 },
        ),
        async (keys) => {
          await store(keys);
          expect(await found(remote, '*')).toEqual([...keys].sort());
          for (const key of keys) {
            const { entry } = await remote.read(key, []);
            expect(entry?.toString('utf8', 20)).toBe(key.toWellFormed());
          }
          await remote.evict(keys);
          expect(await found(remote, '*')).toEqual([]);
        },
      ),
      { numRuns: 50 },
    );
  });
});

describe('a namespace', () => {
  const problems = (namespace: string) => {
    const options: CacheModuleOptions = { namespace };
    expect(CacheModule.forRoot(options)).toBeDefined();
    return () => resolveRoot(options);
  };

  it.each(['*', 'a*', 'a?', '[ab]', 'a\\b', '{a}', 'a b', '', 'a::b', ':a', 'a:', 'a/b', 'ä', 'a%b', 'a\n'])(
    'must not be %j',
    (namespace) => {
      expect(problems(namespace)).toThrow(/namespace/);
    },
  );

  it.each(['e', 'a:e', 'e:a', 'a:m', 'n', 'l:x', 'x:r', 'c'])(
    'must not contain what stands between it and keys: %j',
    (namespace) => {
      expect(problems(namespace)).toThrow(/namespace/);
    },
  );

  it.each(['a', 'a:b', 'my-app', 'app_1.test@2', 'A:b:C'])('may be %j', (namespace) => {
    expect(problems(namespace)).not.toThrow();
  });
});
