// What was promised, and whether it was kept.

/** The chain that is asked most: its breaker has to open when the primary is away, and to close when that is back. */
export const BUSY = 'ProductsService.find';

/** Of a fault's time so much may pass before it opens. Milliseconds. */
const OPENING = 1_200;

/** Times after a fault that are shorter say nothing of the return of the primary. Milliseconds. */
const RETURN = 3_500;

/** @returns {{ violations: { rule: number, text: string }[], figures: Record<string, number> }} */
export function check({ load, watch, steps, entries, left, replaced, closed }, promise) {
  const violations = [];
  const fail = (rule, text) => violations.push({ rule, text });
  const figures = { ...latencies(load, steps, promise, fail), ...primaryLoad(watch, steps, promise, fail) };
  const answers = load.answers.filter(({ kind }) => kind !== 'control');
  const failed = answers.filter(({ failure }) => failure);
  for (const { path, failure, step } of failed.slice(0, 10)) fail(1, `${nameOf(steps, step)}: GET ${path}: ${failure}`);
  returns({ looks: watch.looks, closed }, steps, fail);
  const last = watch.looks.filter(({ error }) => !error).at(-1);
  if (last.recovered === 0 && last.fallbacks > 20) fail(5, `none of ${last.fallbacks} answers of backups was replaced`);
  for (const { key, source } of left.slice(0, 5)) {
    fail(4, `${key} still comes from ${source}, although its life of ${promise.backupTtl} ms is over`);
  }
  return {
    violations,
    figures: {
      requests: answers.length,
      cold: answers.filter(({ kind }) => kind === 'cold').length,
      failed: failed.length,
      ...figures,
      primary: last.chosen.primary ?? 0,
      replica: last.chosen.replica ?? 0,
      snapshot: last.chosen.snapshot ?? 0,
      stale: last.stale,
      refused: last.refused,
      recovered: last.recovered,
      searches: entries.length,
      ofBackups: entries.filter(({ source }) => source !== 'primary').length,
      replaced,
      left: left.length,
    },
  };
}

/**
 * Of each step by itself. What the machine takes is added: the slowest request that costs nothing in the same step, or the 99 % of
 * the time before any fault, whichever is more. A request that waits is there longer to meet what holds up the machine.
 */
function latencies(load, steps, { softTimeout, over }, fail) {
  const took = (step, control) =>
    load.answers
      .filter((answer) => answer.step === step && (answer.kind === 'control') === control)
      .map(({ took }) => took);
  const calm = percentile(took(0, false), 0.99);
  const figures = { p99: 0, noise: 0, calm };
  for (const step of new Set(load.answers.map(({ step }) => step))) {
    if (step === 0) continue;
    const p99 = percentile(took(step, false), 0.99);
    const noise = 2 * Math.max(calm, ...took(step, true)); // on the way in, and on the way out
    if (p99 > figures.p99) Object.assign(figures, { p99, noise });
    if (p99 <= softTimeout + over + noise) continue;
    fail(2, `${nameOf(steps, step)}: 99 % within ${p99.toFixed(0)} ms; the machine itself took ${noise.toFixed(0)} ms`);
  }
  return figures;
}

/** While a breaker is open the primary gets no more than one try of its chain in a while. */
function primaryLoad({ looks }, steps, { halfOpenAfter }, fail) {
  const seen = looks.filter(({ error }) => !error);
  let [tries, allowed] = [0, 0];
  for (const chain of seen.at(-1).primaries.keys()) {
    for (const stretch of openStretches(seen, chain)) {
      const [first, last] = [stretch[0], stretch.at(-1)];
      const tried = attempts(last.primaries.get(chain)) - attempts(first.primaries.get(chain));
      const may = 1 + Math.ceil((last.at - first.at) / halfOpenAfter);
      tries += tried;
      allowed += may;
      if (tried <= may) continue;
      const during = nameOf(steps, steps.filter(({ begin }) => begin < last.at).at(-1)?.step ?? 0);
      fail(3, `${during}: ${chain}: ${tried} tries of the primary while its breaker was open, not ${may}`);
    }
  }
  for (const { name, away, begin, end } of steps) {
    if (!away || end - begin < OPENING) continue;
    const opened = seen.some((look) => look.at > begin && look.at < end + 100 && !isClosed(look, BUSY));
    if (!opened) fail(3, `${name}: the primary's breaker did not open`);
  }
  return { tries, allowed };
}

/** Looks, one after the other, between which a breaker was not closed: it may close and open again from one to the next. */
function openStretches(looks, chain) {
  const stretches = new Map();
  for (const look of looks) {
    if (isClosed(look, chain)) continue;
    const { opened } = look.primaries.get(chain);
    stretches.set(opened, [...(stretches.get(opened) ?? []), look]);
  }
  return [...stretches.values()].filter(({ length }) => length > 1);
}

/** Begun, not ended: those that were under way when the breaker opened are no tries of an open one. */
const attempts = ({ successes, failures, cancelled, inFlight }) => successes + failures + cancelled + inFlight;
export const isClosed = ({ primaries }, chain) => (primaries.get(chain)?.breaker ?? 'closed') === 'closed';

/** When the primary is back, its breaker closes soon. */
function returns({ looks, closed }, steps, fail) {
  for (const [index, { name, end }] of steps.entries()) {
    const next = steps[index + 1]?.begin;
    if (next === undefined || next - end < RETURN) continue;
    const after = looks.filter(({ at, error }) => !error && at > end && at < next);
    if (!after.some((look) => isClosed(look, BUSY)))
      fail(6, `${name}: after ${RETURN} ms the primary was not asked again`);
  }
  if (!closed) fail(6, 'at the end: the breaker of the primary does not close any more');
}

function percentile(values, share) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0;
}

function nameOf(steps, step) {
  const found = steps.find((one) => one.step === step);
  const before = steps.find((one) => one.step === step - 1);
  return found ? found.name : before ? `after ${before.name}` : 'before any fault';
}
