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
    const against = (field, other = reference) =>
      other?.[0]?.[field] === undefined || rounds.length === 0
        ? undefined
        : median(rounds.map((one, i) => one[field] / other[i][field]));
    const over = (name) => against('value', figures.get(name));
    const medians = {
      value: of('value'),
      ratio: against('value'),
      p50: of('p50'),
      p99: of('p99'),
      p99Ratio: against('p99'),
      loads: of('loads'),
      cpu: of('cpu'),
    };
    return {
      name: entry.name,
      ours: entry.ours === true,
      ...medians,
      ...(entry.ours && rounds.length > 0 ? judge(row.met({ ...medians, over })) : {}),
      rounds: rounds.map((one) => one.value),
    };
  });
  const { id, scenario, unit, goal } = row;
  return { id, scenario, unit, goal, reference: row.reference, subjects };
}

/** @param {boolean | string[]} answer of a row's `met` */
const judge = (answer) =>
  Array.isArray(answer) ? { met: answer.length === 0, ...(answer.length > 0 && { missed: answer }) } : { met: answer };

/** @typedef {ReturnType<typeof summarise>} RowSummary */
