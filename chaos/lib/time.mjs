/** One clock for all processes of this machine: microseconds since it was started. */
export const micros = () => Number(process.hrtime.bigint() / 1_000n);

/** @param {number} ms */
export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/**
 * Asks until the answer is truthy.
 * @template T
 * @param {() => T | Promise<T>} condition
 * @param {number} ms
 * @param {number} [pause]
 * @returns {Promise<T | undefined>} undefined: the time was over first
 */
export async function until(condition, ms, pause = 50) {
  const end = performance.now() + ms;
  for (;;) {
    const answer = await condition();
    if (answer) return answer;
    if (performance.now() > end) return undefined;
    await sleep(pause);
  }
}

/**
 * @template T
 * @param {Promise<T>} work
 * @param {number} ms
 * @param {string} what
 * @returns {Promise<T>}
 */
export async function within(work, ms, what) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} took more than ${ms / 1_000} s`)), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
