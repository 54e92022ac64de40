import { isDeepStrictEqual } from 'node:util';
import { keyOf, product } from './product.mjs';

/**
 * A measurement of wrong answers is worth nothing: a case that fails a check fails the run.
 * @param {boolean} condition
 * @param {string} message
 */
export function check(condition, message) {
  if (!condition) throw new Error(`wrong result: ${message}`);
}

/**
 * Every key reads back as the value that belongs to it.
 * @param {import('./subject.mjs').Handle} handle
 * @param {number} end index after the last
 * @param {number} [start]
 */
export async function checkValues(handle, end, start = 0) {
  for (let i = start; i < end; i++) {
    const value = await handle.read(keyOf(i));
    check(isDeepStrictEqual(value, product(i)), `${keyOf(i)} reads as ${JSON.stringify(value)?.slice(0, 80)}`);
  }
}

/** Counts the answers of a loop that do not carry the id asked for; cheap enough to be inside of it. */
export function createWitness() {
  const witness = {
    wrong: 0,
    /**
     * @param {import('./product.mjs').Product | undefined} value
     * @param {number} index
     */
    see: (value, index) => {
      if (value === undefined || value.id !== index) witness.wrong++;
    },
    assert: () => check(witness.wrong === 0, `${witness.wrong} reads gave another value or none`),
  };
  return witness;
}
