// What a stretch of time was like, from when requests began and ended.

/** @param {number[]} sorted @param {number} share */
export function quantile(sorted, share) {
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
}

export const median = (values) =>
  quantile(
    [...values].sort((a, b) => a - b),
    0.5,
  );

/** @param {[number, number][]} spans those that begin from `from` until `to`, in µs */
const between = (spans, from, to) => spans.filter(([begin]) => begin >= from && begin < to);

/** In ms, in order. @param {[number, number][]} spans */
const latencies = (spans) => spans.map(([begin, end]) => (end - begin) / 1_000).sort((a, b) => a - b);

/**
 * @typedef {{ requests: number, loads: number, p50: number, p95: number, p99: number, source: number, waited: number, missed: number }} Stretch
 * Latencies of requests in ms; `source`: the 99th percentile of the source's own; `waited`: the median of what requests that loaded took besides. `missed`: the share of requests that were loaded.
 */

/** @param {Record<'reads' | 'loads' | 'waits', [number, number][]>} seen @param {number} from @param {number} to @returns {Stretch} */
export function stretch({ reads, loads, waits }, from, to) {
  const requests = latencies(between(reads, from, to));
  const own = latencies(between(loads, from, to));
  return {
    requests: requests.length,
    loads: own.length,
    p50: quantile(requests, 0.5),
    p95: quantile(requests, 0.95),
    p99: quantile(requests, 0.99),
    source: quantile(own, 0.99),
    waited: quantile(latencies(between(waits, from, to)), 0.5),
    missed: own.length / Math.max(1, requests.length),
  };
}

const SECOND = 1_000_000;

/** One after the other, each of a second. @returns {Stretch[]} */
export function seconds(seen, from, to) {
  return Array.from({ length: Math.floor((to - from) / SECOND) }, (_, i) =>
    stretch(seen, from + i * SECOND, from + (i + 1) * SECOND),
  );
}
