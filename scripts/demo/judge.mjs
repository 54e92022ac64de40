// What must hold for the demo to succeed.

/** Least share of reads that the cache must answer, and of database reads that it must save. */
const TARGET = 0.9;

const percent = (share) => `${(share * 100).toFixed(1)} %`;
const lines = (texts) =>
  texts
    .slice(0, 5)
    .map((text) => `\n    ${text}`)
    .join('');

const rowsOf = ({ rows }) =>
  Object.entries(rows)
    .map(([table, count]) => `${count} ${table}`)
    .join(', ');

/**
 * @param {import('./measure.mjs').Measurement} measurement
 * @returns {{ name: string, ok: boolean, detail: string }[]}
 */
export function judge({ uncached, warmUp, cached, same, comparison, behind, outage }) {
  const reports = [uncached.report, warmUp.report, cached.report, behind.report, behind.last];
  const requests = reports.reduce((sum, report) => sum + report.requests, 0);
  const failed = reports.reduce((sum, report) => sum + report.failed, 0);
  const { compared, fromCache, different } = comparison;
  const { hitRatio } = cached.stats.cache;
  const { proof, killed, deadLetters } = behind;
  const { replica = 0, snapshot = 0 } = outage.phases[1].loads;
  const fromBackups = replica + snapshot;
  const saved = 1 - same.cached.reads / same.uncached.reads;
  return [
    {
      name: 'No request failed',
      ok: failed === 0,
      detail: `${failed} of ${requests}${lines(reports.flatMap((report) => report.failures))}`,
    },
    {
      name: 'Values are those of the database',
      ok: different.length === 0 && fromCache > 0,
      detail: `${different.length} of ${compared} differ, ${fromCache} came from the cache${lines(different)}`,
    },
    { name: 'Hit ratio over 90 %', ok: hitRatio > TARGET, detail: percent(hitRatio) },
    { name: 'Over 90 % fewer database reads', ok: saved > TARGET, detail: `${percent(saved)} fewer` },
    {
      name: 'Some acknowledged rows were in Redis only when the shop was killed',
      ok: killed.different.length > 0,
      detail: `${killed.different.length} of ${killed.compared} differed in Postgres`,
    },
    {
      name: 'Then Postgres got every row as it was acknowledged last',
      ok: proof.different.length === 0 && deadLetters === 0,
      detail: `${proof.different.length} of ${proof.compared} differ (${rowsOf(proof)}), ${deadLetters} dead letters${lines(proof.different)}`,
    },
    {
      name: 'The catalogue stayed available while its primary was stopped',
      ok: sum(outage.phases, 'failed') === 0 && fromBackups > 0,
      detail: `${sum(outage.phases, 'failed')} of ${sum(outage.phases, 'requests')} requests failed, ${fromBackups} loads from backups meanwhile${lines(outage.phases.flatMap(({ report }) => report.failures))}`,
    },
    {
      name: 'Then it came from the primary again',
      ok: outage.back !== null && outage.phases[2].loads.primary > 0,
      detail:
        outage.back === null
          ? 'values of backups still wait for it'
          : `nothing waited for it any more after ${(outage.back / 1_000).toFixed(1)} s`,
    },
  ];
}

const sum = (phases, name) => phases.reduce((total, { report }) => total + report[name], 0);
