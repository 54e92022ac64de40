/** From figures per round to medians, ratios and verdicts. */
import { median } from './stats.mjs';

/**
 * @param {import('../rows/index.mjs').Row} row
 * @param {Map<string, import('../rows/scenarios.mjs').Figures[]>} figures per subject, one entry per round
 */
export function summarise(row, figures) {
  const reference = row.reference === undefined ? undefined : figures.get(row.reference);
  const subjects = row.subjects.map((entry) => {
    const rounds = figures.get(entry.name) ?? [];
    const of = (field) => (rounds[0]?.[field] === undefined ? undefined : median(rounds.map((one) => one[field])));
    // Against the reference of the same round: what slows the machine for a minute slows both.
    const against = (field) =>
      reference?.[0]?.[field] === undefined || rounds.length === 0
        ? undefined
        : median(rounds.map((one, i) => one[field] / reference[i][field]));
    const medians = {
      value: of('value'),
      ratio: against('value'),
      p50: of('p50'),
      p99: of('p99'),
      p99Ratio: against('p99'),
      loads: of('loads'),
    };
    return {
      name: entry.name,
      ours: entry.ours === true,
      ...medians,
      met: entry.ours && rounds.length > 0 ? row.met(medians) : undefined,
      rounds: rounds.map((one) => one.value),
    };
  });
  const { id, scenario, unit, goal } = row;
  return { id, scenario, unit, goal, reference: row.reference, subjects };
}

/** @typedef {ReturnType<typeof summarise>} RowSummary */
