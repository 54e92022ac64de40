/**
 * @typedef {object} Result of a run
 * @property {string} seed
 * @property {number} seconds
 * @property {Map<string, number>} faults
 * @property {Record<string, number>} figures
 * @property {object[]} violations
 */

/**
 * One result of several runs.
 * @param {Result[]} results
 * @param {Set<string>} most figures that are the most of something; all others are counts
 * @returns {Result}
 */
export function together(results, most) {
  const faults = new Map();
  const figures = { ...results[0].figures };
  for (const name of Object.keys(figures)) {
    const all = results.map((result) => result.figures[name]);
    figures[name] = most.has(name) ? Math.max(...all) : all.reduce((a, b) => a + b);
  }
  for (const result of results)
    for (const [name, count] of result.faults) faults.set(name, (faults.get(name) ?? 0) + count);
  return {
    seed: `${results[0].seed} to ${results.at(-1).seed}`,
    seconds: results.reduce((sum, { seconds }) => sum + seconds, 0),
    faults: new Map([...faults].sort()),
    figures,
    violations: results.flatMap(({ violations }) => violations),
  };
}
