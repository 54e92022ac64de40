/** The tables: for the terminal and for the README. */

const COLUMNS = ['row', 'scenario', 'subject', 'ratio', 'figure', 'p99', 'goal', 'verdict'];
const RIGHT = new Set(['row', 'ratio', 'figure', 'p99']);

/** @param {number | undefined} value @param {string} unit */
function figure(value, unit) {
  if (value === undefined) return 'failed';
  if (unit === 'ops/s') {
    if (value >= 1e6) return `${(value / 1e6).toFixed(1)}M/s`;
    return value >= 1e5 ? `${(value / 1e3).toFixed(0)}k/s` : `${(value / 1e3).toFixed(1)}k/s`;
  }
  return unit === 'ns' ? `${value.toFixed(0)} ns` : `${value.toFixed(2)} ms`;
}

/** @param {number | undefined} value */
const times = (value) => (value === undefined ? '' : `${value.toFixed(value < 0.1 ? 3 : 2)}x`);

/** @param {import('./summary.mjs').RowSummary[]} rows */
function cells(rows) {
  return rows.flatMap((row) =>
    row.subjects.map((subject, i) => ({
      row: i === 0 ? String(row.id) : '',
      scenario: i === 0 ? row.scenario : '',
      subject: subject.name,
      ratio: times(subject.ratio),
      figure: figure(subject.value, row.unit) + (subject.loads === undefined ? '' : `, ${loads(subject.loads)}`),
      p99: subject.p99 === undefined ? '' : `${subject.p99.toFixed(2)} ms ${times(subject.p99Ratio)}`,
      goal: subject.ours ? row.goal : '',
      verdict: subject.met === undefined ? '' : subject.met ? 'met' : 'NOT MET',
    })),
  );
}

/** @param {number} count */
const loads = (count) => `${+count.toFixed(1)} ${count === 1 ? 'load' : 'loads'}`;

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
    `Redis ${machine.redis}; medians of ${rounds} interleaved rounds of ${options.ms} ms` +
    `${options.quick ? ' (quick: a first look only)' : ''}, one process per case; ratio to the row's first subject ` +
    `of the same round; 1 KB JSON value.${busy}\n${peers}.`
  );
}
