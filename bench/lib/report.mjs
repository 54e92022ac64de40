/** The tables: for the terminal and for the README. */

const COLUMNS = ['row', 'scenario', 'subject', 'ratio', 'figure', 'p99', 'goal', 'verdict'];
const RIGHT = new Set(['row', 'ratio', 'figure', 'p99']);

/** @param {number | undefined} value @param {string} unit */
function figure(value, unit) {
  if (value === undefined) return 'failed';
  if (unit.endsWith('/s')) {
    if (value >= 1e6) return `${(value / 1e6).toFixed(1)}M/s`;
    return value >= 1e5 ? `${(value / 1e3).toFixed(0)}k/s` : `${(value / 1e3).toFixed(1)}k/s`;
  }
  return unit === 'ns' ? `${value.toFixed(0)} ns` : `${value.toFixed(unit === 'µs' ? 1 : 2)} ${unit}`;
}

/** @param {number | undefined} value */
const times = (value) => (value === undefined ? '' : `${value.toFixed(value < 0.1 ? 3 : 2)}x`);

/** @param {{ met?: boolean, missed?: string[] }} subject */
function verdict({ met, missed }) {
  if (met === undefined) return '';
  return met ? 'met' : `NOT MET${missed ? `: ${missed.join(', ')}` : ''}`;
}

/** @param {import('./summary.mjs').RowSummary[]} rows */
function cells(rows) {
  return rows.flatMap((row) =>
    row.subjects.map((subject, i) => ({
      row: i === 0 ? String(row.id) : '',
      scenario: i === 0 ? row.scenario : '',
      subject: subject.name,
      ratio: times(subject.ratio),
      figure: [figure(subject.value, row.unit), loads(subject.loads), cpu(subject.cpu)].filter(Boolean).join(', '),
      p99: subject.p99 === undefined ? '' : `${subject.p99.toFixed(2)} ms ${times(subject.p99Ratio)}`,
      goal: subject.ours ? row.goal : '',
      verdict: verdict(subject),
    })),
  );
}

/** @param {number | undefined} count */
const loads = (count) => count !== undefined && `${+count.toFixed(1)} ${count === 1 ? 'load' : 'loads'}`;

/** @param {number | undefined} micros */
const cpu = (micros) => micros !== undefined && `CPU ${micros.toFixed(micros < 10 ? 1 : 0)} µs`;

/** @param {import('./summary.mjs').RowSummary[]} rows */
export function terminalTable(rows) {
  const lines = cells(rows);
  const width = (column) => Math.max(column.length, ...lines.map((line) => line[column].length));
  const widths = Object.fromEntries(COLUMNS.map((column) => [column, width(column)]));
  const print = (line) =>
    COLUMNS.map((name) => (RIGHT.has(name) ? line[name].padStart(widths[name]) : line[name].padEnd(widths[name])))
      .join('  ')
      .trimEnd();
  const header = print(Object.fromEntries(COLUMNS.map((column) => [column, column])));
  const rule = '-'.repeat(header.length);
  const body = lines.map((line, i) => (line.row !== '' && i > 0 ? `\n${print(line)}` : print(line)));
  return [header, rule, ...body].join('\n');
}

/** @param {import('./summary.mjs').RowSummary[]} rows */
export function markdownTable(rows) {
  const head = `| ${COLUMNS.join(' | ')} |`;
  const align = `| ${COLUMNS.map((column) => (RIGHT.has(column) ? '---:' : '---')).join(' | ')} |`;
  const bold = (line, column) => (line.goal !== '' && column === 'subject' ? `**${line[column]}**` : line[column]);
  return [
    head,
    align,
    ...cells(rows).map((line) => `| ${COLUMNS.map((column) => bold(line, column)).join(' | ')} |`),
  ].join('\n');
}

/** When, where and with what: a ratio without this is not a measurement. */
export function caption({ date, commit, machine, options, versions, rows }) {
  const counts = rows.flatMap((row) => row.subjects.map((subject) => subject.rounds.length)).filter((n) => n > 0);
  const [least, most] = [Math.min(...counts), Math.max(...counts)];
  const rounds = least === most ? `${most}` : `${least} to ${most}`;
  // More than a core was busy: two are needed, one for the case and one for Redis.
  const busy = machine.load > machine.cores - 1 ? ` THE MACHINE WAS BUSY (load ${machine.load.toFixed(1)}).` : '';
  const peers = Object.entries(versions)
    .map(([name, version]) => `${name} ${version}`)
    .join(', ');
  return (
    `${date.slice(0, 10)}, commit ${commit}, Node ${machine.node}, ${machine.cores} x ${machine.cpu}, ` +
    `Redis ${machine.redis}${machine.postgres ? `, PostgreSQL ${machine.postgres}` : ''}; medians of ${rounds} interleaved rounds of ${options.ms} ms` +
    `${options.quick ? ' (quick: a first look only)' : ''}, one process per case; ratio to the row's first subject ` +
    `of the same round; 1 KB JSON value (rows 10 to 14: what they say).${busy}\n${peers}.`
  );
}
