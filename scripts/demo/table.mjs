// The table at the end. Every figure in it was measured in this run.

export const whole = (value) => Math.round(value).toLocaleString('en-US');
export const percent = (share) => `${(share * 100).toFixed(1)} %`;

/** Milliseconds with three digits that mean something. */
function time(ms) {
  if (ms === null || ms === undefined || Number.isNaN(ms)) return '-';
  return ms >= 100 ? ms.toFixed(0) : ms >= 10 ? ms.toFixed(1) : ms >= 1 ? ms.toFixed(2) : ms.toFixed(3);
}

const times = (p50, p99) => `${time(p50)} / ${time(p99)} ms`;
const spread = (histogram) =>
  histogram.count === 0 ? '-' : times(histogram.percentile(50) / 1_000, histogram.percentile(99) / 1_000);
const queries = ({ stats: { database } }) => times(database.p50, database.p99);
const rate = (report) => (report.requests / report.time) * 1_000;

/** @param {import('./measure.mjs').Measurement} measurement */
export function table({ uncached, warmUp, cached, same, behind, outage }) {
  const { cache } = cached.stats;
  const { memory, redis } = cache.hits;
  const share = (hits) => `${percent(hits / cache.requests)} (${whole(hits)})`;
  const less = (name) => change(same.cached[name], same.uncached[name]);
  const rows = [
    ['', 'without cache', 'with cache', ''],
    null,
    [
      'requests per second',
      whole(rate(uncached.report)),
      whole(rate(cached.report)),
      factor(rate(cached.report), rate(uncached.report)),
    ],
    ['requests sent', whole(uncached.report.requests), whole(cached.report.requests), ''],
    ['failed requests', whole(uncached.report.failed), whole(cached.report.failed), ''],
    ['invalidations', '-', whole(cache.invalidations), 'by price changes'],
    ['errors inside the cache', '-', whole(cache.errors), ''],
    null,
    ['hit ratio', '-', percent(cache.hitRatio), `of ${whole(cache.requests)} look-ups`],
    ['  memory', '-', share(memory), ''],
    ['  Redis', '-', share(redis), ''],
    null,
    ['look-up, p50 / p99', '', '', ''],
    ['  memory hit', '-', times(cache.latency.memoryHit.p50, cache.latency.memoryHit.p99), ''],
    ['  Redis hit', '-', times(cache.latency.redisHit.p50, cache.latency.redisHit.p99), ''],
    ['  miss, with its load', '-', times(cache.latency.miss.p50, cache.latency.miss.p99), ''],
    ['database query, p50 / p99', queries(uncached), queries(cached), 'with the wait for a connection'],
    null,
    ['response, p50 / p99', spread(uncached.report.responses.all), spread(cached.report.responses.all), 'all requests'],
    ['  GET from memory', '-', spread(cached.report.responses.memory), ''],
    ['  GET from Redis', '-', spread(cached.report.responses.redis), ''],
    ['  GET from the database', '-', spread(cached.report.responses.database), ''],
    null,
    [`for the same ${whole(same.requests)} requests`, '', '', ''],
    ['  database reads', whole(same.uncached.reads), whole(same.cached.reads), less('reads')],
    ['  database writes', whole(same.uncached.writes), whole(same.cached.writes), less('writes')],
    ['before that, to fill the cache:', '', '', `${whole(warmUp.report.requests)} pages opened once`],
    ['  database reads', '-', whole(warmUp.stats.database.reads), ''],
  ];
  return `${draw(rows, [1, 2])}\n\n${draw(writeRows(behind), [1])}

${draw(outageRows(outage), [1, 2, 3])}`;
}

/** @param {import('./outage.mjs').OutageMeasurement} outage */
function outageRows({ phases, back, recovered }) {
  const row = (name, of) => [name, ...phases.map(of)];
  const loads = (source) => row(`  ${source}`, (phase) => whole(phase.loads[source] ?? 0));
  return [
    row('the catalogue, while its primary is stopped', ({ name }) => name),
    null,
    row('requests', ({ report }) => whole(report.requests)),
    row('available', ({ report }) => percent((report.requests - report.failed) / report.requests)),
    row('response, p99', ({ report }) => `${time(report.responses.all.percentile(99) / 1_000)} ms`),
    row('loads answered by', () => ''),
    loads('primary'),
    loads('replica'),
    loads('snapshot'),
    row('stale values served', ({ stale }) => whole(stale)),
    row('nothing waits for the primary any more', (_, index) => (index < 2 || back === null ? '' : `${time(back)} ms`)),
    row('  loaded from it again', (_, index) => (index < 2 ? '' : whole(recovered))),
  ];
}

/** @param {import('./write-behind.mjs').WriteMeasurement} behind */
function writeRows({ report, writes, rows, batches, statements, lag, drain, killed, recovery, proof }) {
  const seconds = report.time / 1_000;
  const perSecond = (count) => `${whole(count / seconds)} per second`;
  return [
    ['only changes, written behind', '', `carts, orders and stock counters, ${seconds.toFixed(1)} s`],
    null,
    ['requests', whole(report.requests), perSecond(report.requests)],
    ['response, p50 / p99', spread(report.responses.all), ''],
    ['writes acknowledged', whole(writes), perSecond(writes)],
    ['rows written to Postgres', whole(rows), perSecond(rows)],
    ['  in batches', whole(batches), `${whole(statements)} statements, ${(rows / batches).toFixed(1)} rows per batch`],
    ['writes per row written', (writes / rows).toFixed(1), 'changes of one row within the flush delay share a write'],
    ['highest lag', `${time(lag)} ms`, 'beyond the flush delay of 100 ms'],
    ['drained after the last answer', `${time(drain)} ms`, ''],
    null,
    ['process killed (kill -9)', '', 'right after an answer'],
    ['  rows in Redis only', whole(killed.different.length), ''],
    [
      '  drained by the next process',
      `${time(recovery)} ms`,
      'what the dead one was flushing is its own until its lease of 3 s ends',
    ],
    ['rows compared with the answers', whole(proof.compared), `${whole(proof.different.length)} differ`],
  ];
}

const factor = (now, before) => `${(now / before).toFixed(1)} times`;

function change(now, before) {
  if (now === before) return 'the same';
  return `${percent(Math.abs(1 - now / before))} ${now < before ? 'fewer' : 'more'}`;
}

/** Columns as wide as their longest cell; figures to the right; null is a rule. */
export function draw(rows, figureColumns) {
  const cells = rows.filter((row) => row !== null);
  const widths = cells[0].map((_, column) => Math.max(...cells.map((row) => row[column].length)));
  const rule = widths.map((width) => '─'.repeat(width)).join('──');
  const line = (row) =>
    row
      .map((cell, column) =>
        figureColumns.includes(column) ? cell.padStart(widths[column]) : cell.padEnd(widths[column]),
      )
      .join('  ')
      .trimEnd();
  return rows.map((row) => (row === null ? rule : line(row))).join('\n');
}

/** The same for programs. @param {import('./measure.mjs').Measurement} measurement */
export function figures({ uncached, warmUp, cached, same, comparison, behind, outage }) {
  const phase = ({ report, stats }) => ({
    requests: report.requests,
    failed: report.failed,
    seconds: report.time / 1_000,
    requestsPerSecond: rate(report),
    response: Object.fromEntries(
      Object.entries(report.responses)
        .filter(([, histogram]) => histogram.count > 0)
        .map(([place, histogram]) => [
          place,
          { p50: histogram.percentile(50) / 1_000, p99: histogram.percentile(99) / 1_000 },
        ]),
    ),
    ...stats,
  });
  const { compared, fromCache, different } = comparison;
  return {
    uncached: phase(uncached),
    warmUp: phase(warmUp),
    cached: phase(cached),
    same,
    comparison: { compared, fromCache, different: different.length },
    outage: {
      ...outage,
      phases: outage.phases.map(({ name, report, loads, stale }) => {
        return { name, requests: report.requests, failed: report.failed, loads, stale };
      }),
    },
    writeBehind: {
      ...behind,
      report: undefined,
      last: undefined,
      requests: behind.report.requests,
      failed: behind.report.failed + behind.last.failed,
      seconds: behind.report.time / 1_000,
      killed: { compared: behind.killed.compared, different: behind.killed.different.length },
      proof: { ...behind.proof, different: behind.proof.different.length },
    },
  };
}
