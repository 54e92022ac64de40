/** Line charts as SVG: no script, no font, no request. */
const WIDTH = 640;
const HEIGHT = 240;
const LEFT = 84;
const RIGHT = 16;
const TOP = 12;
const BOTTOM = 34;

export const html = (text) =>
  String(text).replace(
    /[&<>"']/g,
    (char) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' })[char],
  );

/** Round numbers from 0 to at least `most`. */
function scale(most) {
  if (!(most > 0)) return [0, 1];
  const rough = most / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((value) => value >= rough) ?? 10 * power;
  return Array.from({ length: Math.ceil(most / step - 1e-9) + 1 }, (_, i) => i * step);
}

/** Powers of ten that have all values between them. */
function logScale(least, most) {
  const [from, to] = [Math.floor(Math.log10(least)), Math.ceil(Math.log10(most))];
  return Array.from({ length: Math.max(2, to - from + 1) }, (_, i) => 10 ** (from + i));
}

/**
 * @param {object} chart
 * @param {string} chart.title
 * @param {string} chart.description for those who do not see it
 * @param {{ name: string, points: [x: number, y: number][] }[]} chart.lines x from 0 to 1
 * @param {(y: number) => string} chart.format
 * @param {[x: number, label: string][]} chart.ticks of the x axis
 * @param {number} [chart.most] upper end, if not that of the values
 * @param {boolean} [chart.log]
 */
export function chart({ title, description, lines, format, ticks, most, log = false }) {
  const values = lines.flatMap(({ points }) => points.map(([, y]) => y)).filter((y) => !log || y > 0);
  const marks = log
    ? logScale(Math.min(...values, 1), Math.max(...values, 1e-3))
    : scale(most ?? Math.max(...values, 0));
  const [low, high] = [marks[0], marks.at(-1)];
  const part = (y) =>
    log ? Math.log(Math.max(y, low) / low) / Math.log(high / low) : (Math.min(y, high) - low) / (high - low);
  const px = (x) => (LEFT + x * (WIDTH - LEFT - RIGHT)).toFixed(1);
  const py = (y) => (HEIGHT - BOTTOM - part(y) * (HEIGHT - TOP - BOTTOM)).toFixed(1);
  const grid = marks.map(
    (y) =>
      `<line class="grid" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${py(y)}" y2="${py(y)}"/>` +
      `<text x="${LEFT - 8}" y="${py(y)}" dy="0.32em" text-anchor="end">${html(format(y))}</text>`,
  );
  const below = ticks.map(
    ([x, label]) =>
      `<text x="${px(x)}" y="${HEIGHT - 12}" text-anchor="${x === 1 ? 'end' : 'middle'}">${html(label)}</text>`,
  );
  const drawn = lines.map(
    ({ name, points }, i) =>
      `<polyline class="line c${i}" points="${points.map(([x, y]) => `${px(x)},${py(y)}`).join(' ')}"/>` +
      points
        .map(
          ([x, y]) =>
            `<circle class="c${i}" cx="${px(x)}" cy="${py(y)}" r="5"><title>${html(`${name}: ${format(y)}`)}</title></circle>`,
        )
        .join(''),
  );
  const legend =
    lines.length > 1
      ? `<p class="legend">${lines.map(({ name }, i) => `<span class="c${i}">${html(name)}</span>`).join('')}</p>`
      : '';
  return (
    `<figure><figcaption>${html(title)}</figcaption>${legend}` +
    `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${html(description)}">${grid.join('')}${below.join('')}${drawn.join('')}</svg></figure>`
  );
}
