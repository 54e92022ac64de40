import { simulate } from './simulation.mjs';

/** Other delays tried for a smaller plan. */
const SALTS = 12;

/**
 * Drops what is not needed for a failure: as long as some delays still lead to one of the same kind.
 * @param {number} seed @param {import('./plan.mjs').Plan} plan @param {string} why @param {(left: number) => void} progress
 * @returns {Promise<{ plan: import('./plan.mjs').Plan, salt: number }>}
 */
export async function shrink(seed, plan, why, progress) {
  let { items } = plan;
  let salt = 0;
  const fails = async (fewer) => {
    for (const other of new Set([salt, ...Array.from({ length: SALTS }, (_, i) => i)])) {
      const { violations } = await simulate(seed, { plan: { ...plan, items: fewer }, salt: other });
      if (!violations.some((violation) => violation.why === why)) continue;
      salt = other;
      return true;
    }
    return false;
  };
  for (let size = Math.ceil(items.length / 2); ; size = Math.ceil(size / 2)) {
    for (let i = 0; i < items.length; ) {
      const fewer = [...items.slice(0, i), ...items.slice(i + size)];
      if (await fails(fewer)) items = fewer;
      else i += size;
      progress(items.length);
    }
    if (size === 1) return { plan: { ...plan, items }, salt };
  }
}
