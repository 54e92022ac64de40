import { chart, html } from './chart.mjs';
import { answers, count, OPERATION_HEAD, operationRows, percent, remarks, setting, time } from './report.mjs';

const STYLE = `
:root { color-scheme: light dark; --ground: #fff; --text: #1d2329; --soft: #5b6671; --rule: #d8dee4; --c0: #0b62c4; --c1: #b1470b; --c2: #1a7f37; }
@media (prefers-color-scheme: dark) { :root { --ground: #12161b; --text: #e3e8ee; --soft: #9aa6b2; --rule: #313a44; --c0: #6cb0ff; --c1: #ff9d5c; --c2: #57c878; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 76rem; padding: 1rem; background: var(--ground); color: var(--text); font: 16px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.5rem; margin: 0 0 .25rem; } h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; }
p { margin: 0 0 1rem; color: var(--soft); }
.big { display: flex; flex-wrap: wrap; gap: 1rem 2.5rem; margin: 1rem 0; }
.big div { display: flex; flex-direction: column; } .big b { font-size: 1.6rem; font-variant-numeric: tabular-nums; } .big span { color: var(--soft); }
.wide { overflow-x: auto; } table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .9rem .3rem 0; text-align: right; white-space: nowrap; border-bottom: 1px solid var(--rule); } th:first-child, td:first-child { text-align: left; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1rem; margin: 0; } dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 28rem), 1fr)); gap: 1.5rem; }
figure { margin: 0; } figcaption { font-weight: 600; } .legend { margin: 0; display: flex; gap: 1rem; flex-wrap: wrap; } .legend span::before { content: ''; display: inline-block; width: 1rem; height: .25rem; margin-right: .4rem; vertical-align: middle; background: currentColor; }
.legend .c0 { color: var(--c0); } .legend .c1 { color: var(--c1); } .legend .c2 { color: var(--c2); }
svg { display: block; width: 100%; height: auto; } svg text { fill: var(--soft); font-size: 13px; } .grid { stroke: var(--rule); }
.line { fill: none; stroke-width: 2; } .line.c0 { stroke: var(--c0); } .line.c1 { stroke: var(--c1); } .line.c2 { stroke: var(--c2); }
circle { fill: transparent; } circle:hover { fill: var(--text); }
@media (max-width: 40rem) { dl { grid-template-columns: 1fr; } dd { margin-bottom: .4rem; } svg text { font-size: 18px; } }
`;

const list = (rows) =>
  `<dl>${rows.map(([name, value]) => `<dt>${html(name)}</dt><dd>${html(value)}</dd>`).join('')}</dl>`;

function tableOf(head, rows) {
  const cells = (row, tag) => `<tr>${row.map((cell) => `<${tag}>${html(cell)}</${tag}>`).join('')}</tr>`;
  return `<div class="wide"><table><thead>${cells(head, 'th')}</thead><tbody>${rows.map((row) => cells(row, 'td')).join('')}</tbody></table></div>`;
}

/** Over the time of the test. */
function overTime({ ticks, seconds }, title, description, lines, format, most) {
  const x = ({ at }) => Math.min(1, at / seconds);
  const marks = [0, 0.25, 0.5, 0.75, 1].map((part) => [part, `${+(part * seconds).toFixed(1)} s`]);
  const drawn = lines.map(([name, field]) => ({ name, points: ticks.map((tick) => [x(tick), tick[field]]) }));
  return chart({ title, description, lines: drawn, format, ticks: marks, most, log: title.startsWith('Latency') });
}

/** Latency by percentile, the rare ones given as much room as the many. */
function distribution({ operations }) {
  const place = (percentile) => Math.min(1, -Math.log10(1 - Math.min(percentile, 99.99) / 100) / 4);
  const lines = operations
    .filter(({ count }) => count > 0)
    .map(({ name, curve }) => ({ name, points: curve.map(([p, ms]) => [place(p), ms]) }));
  const ticks = [0, 50, 90, 99, 99.9, 99.99].map((p) => [place(p), p === 0 ? '0' : `${p} %`]);
  return chart({
    title: 'Latency by percentile',
    description: 'Latency of each operation by percentile',
    lines,
    format: time,
    ticks,
    log: true,
  });
}

/** The report as one page that needs nothing else: no script, no request. */
export function page(result) {
  const rate = result.operations.reduce((sum, operation) => sum + operation.rate, 0);
  const gets = answers(result);
  const hits = gets[0][2] + gets[1][2];
  const get = result.operations.find(({ count }) => count > 0);
  const charts = [
    overTime(result, 'Operations per second', 'Operations per second over time', [['operations', 'rate']], count),
    overTime(
      result,
      'Latency over time',
      'Median and 99th percentile of latency over time',
      [
        ['p50', 'p50'],
        ['p99', 'p99'],
      ],
      time,
    ),
    overTime(
      result,
      'Hit ratio',
      'Hit ratio over time, all tiers and memory alone',
      [
        ['all tiers', 'hitRatio'],
        ['memory', 'memoryRatio'],
      ],
      (y) => `${Math.round(100 * y)} %`,
      1,
    ),
    distribution(result),
  ];
  const big = [
    [count(rate), 'operations per second'],
    [percent(hits), 'of gets were hits'],
    [time(get.p50), `${get.name}, median`],
    [time(get.p99), `${get.name}, 99th percentile`],
  ];
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Load test of ${html(result.date)}</title><link rel="icon" href="data:,"><style>${STYLE}</style></head><body>
<h1>Load test</h1><p>${html(result.date)}, nestjs-strata ${html(result.version)}</p>
<div class="big">${big.map(([value, name]) => `<div><b>${html(value)}</b><span>${html(name)}</span></div>`).join('')}</div>
<h2>Set-up</h2>${list(setting(result))}
<h2>Operations</h2>${tableOf(OPERATION_HEAD, operationRows(result))}
<h2>Gets were answered by</h2>${tableOf(
    ['tier', 'gets', 'part'],
    gets.map(([name, all, part]) => [name, count(all), percent(part)]),
  )}
<h2>In the course of time</h2><div class="charts">${charts.join('')}</div>
<h2>Besides</h2>${list(remarks(result))}
</body></html>
`;
}
