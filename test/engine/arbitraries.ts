import fc from 'fast-check';

/** Characters that separate, tag or escape something in keys, and a few harmless ones, so that collisions are near. */
const nasty = [...':%~,=[]{}"\\u$*?ab01n', '\u0000', '\ud800', '\udc00', 'é', '😀'];

/** Short texts in which user input tries to be something else. */
export const nastyText: fc.Arbitrary<string> = fc.string({ unit: fc.constantFrom(...nasty), maxLength: 4 });

const names = fc.oneof(fc.constantFrom('a', 'b', '', '$', '__proto__', 'toString', '0'), nastyText);

function recordOf<T>(value: fc.Arbitrary<T>, name = names): fc.Arbitrary<Record<string, T>> {
  // fromEntries: a `__proto__` becomes a property like any other.
  return fc.array(fc.tuple(name, value), { maxLength: 3 }).map((entries) => Object.fromEntries(entries));
}

/** Arguments that a default key can be made of. No -0 and no invalid dates: their equality is a matter of taste. */
export const argument: fc.Arbitrary<unknown> = fc.letrec<{ any: unknown }>((tie) => ({
  any: fc.oneof(
    { maxDepth: 3, depthSize: 'small' },
    nastyText,
    fc.constantFrom<unknown>(
      0,
      1,
      10,
      -1,
      0.5,
      Number.NaN,
      Number.POSITIVE_INFINITY,
      0n,
      1n,
      true,
      false,
      null,
      undefined,
    ),
    fc.constantFrom<unknown>('', '0', '1', '1n', 'true', 'null', 'undefined', 'NaN', '~1', '~null', '[]', '{}'),
    fc.integer({ min: 0, max: 3 }).map((time) => new Date(time)),
    fc.uint8Array({ maxLength: 2 }).map((bytes) => Buffer.from(bytes)),
    fc.int16Array({ maxLength: 1, min: 0, max: 2 }),
    fc.array(tie('any'), { maxLength: 3 }),
    fc.array(tie('any'), { maxLength: 2 }).map((items) => new Set(items)),
    fc.array(fc.tuple(tie('any'), tie('any')), { maxLength: 2 }).map((entries) => new Map(entries)),
    recordOf(tie('any')),
  ),
})).any;

const wellFormed = fc.string({ unit: 'binary', maxLength: 12 });

const typedArray: fc.Arbitrary<unknown> = fc.oneof(
  fc.uint8Array({ maxLength: 9 }).map((bytes) => Buffer.from(bytes)),
  fc.uint8Array({ maxLength: 9 }),
  fc.uint8ClampedArray({ maxLength: 9 }),
  fc.int8Array({ maxLength: 9 }),
  fc.uint16Array({ maxLength: 5 }),
  fc.int16Array({ maxLength: 5 }),
  fc.uint32Array({ maxLength: 5 }),
  fc.int32Array({ maxLength: 5 }),
  fc.float32Array({ maxLength: 5 }),
  fc.float64Array({ maxLength: 5 }),
  fc.bigInt64Array({ maxLength: 5 }),
  fc.bigUint64Array({ maxLength: 5 }),
);

/** Everything a cache may hold, nested: also what JSON cannot say. Texts are well-formed, as not all serializers keep others. */
export const storable: fc.Arbitrary<unknown> = fc.letrec<{ any: unknown }>((tie) => ({
  any: fc.oneof(
    { maxDepth: 4, depthSize: 'small' },
    wellFormed,
    fc.double(),
    fc.integer(),
    fc.bigInt(),
    fc.constantFrom<unknown>(true, false, null, undefined, 0, -0, '', Number.NaN, Number.NEGATIVE_INFINITY, 2 ** 53),
    fc.date({ noInvalidDate: true }),
    typedArray,
    fc.array(tie('any'), { maxLength: 4 }),
    fc.array(tie('any'), { maxLength: 4 }).map((items) => new Set(items)),
    fc.array(fc.tuple(tie('any'), tie('any')), { maxLength: 3 }).map((entries) => new Map(entries)),
    recordOf(
      tie('any'),
      names.map((name) => name.toWellFormed()),
    ),
    // What could be taken for the codec's own tags.
    tie('any').map((inside) => ({ $: ['d', inside] })),
    tie('any').map((inside) => ({ $: inside, more: { $: ['o', { $: ['u'] }] } })),
  ),
})).any;
