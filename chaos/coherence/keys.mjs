// The rows and their keys: which there are, which markers their entries have, and what invalidates several at once.

const GROUPS = 40;
const SHELVES = 4;

const range = (count, nameOf) => Array.from({ length: count }, (_, i) => nameOf(i));

/** Kinds of rows, by the first segment of their keys. */
export const KINDS = {
  /** Tags known before the load. */
  k: range(1_000, (i) => `k:${i}`),
  /** Tags that only the load tells. */
  l: range(40, (i) => `l:${i}`),
  /** Stale values stand in for loads that fail. */
  x: range(120, (i) => `x:${i}`),
  /** Their second segment is no declared prefix: what invalidates it is searched for. */
  p: range(150, (i) => `p:${i % 10}:${Math.floor(i / 10)}`),
  /** Their second segment is a declared prefix. */
  q: range(150, (i) => `q:${i % 10}:${Math.floor(i / 10)}`),
  /** Everybody wants them. */
  h: range(12, (i) => `h:${i}`),
  /** Mostly read strong. */
  s: range(3, (i) => `s:${i}`),
};

export const PREFIXES = ['q:*:'];

export const ALL_KEYS = Object.values(KINDS).flat();

const number = (key) => Number(key.slice(key.lastIndexOf(':') + 1));

/** @param {string} key @returns {string[] | undefined} tags for the options of a call */
export function tagsOf(key) {
  if (key.startsWith('k:')) return [`g${number(key) % GROUPS}`];
  if (key.startsWith('h:')) return [`hot${number(key) % 3}`];
  return undefined;
}

/** @param {string} key @returns {string[] | undefined} tags that its load tells */
export const lateTagsOf = (key) => (key.startsWith('l:') ? [`late${number(key) % SHELVES}`] : undefined);

/** Options of a call for the key, whichever it is. A write has no load that could tell tags. */
export function optionsOf(key, { strong = false, write = false } = {}) {
  const tags = write ? (tagsOf(key) ?? lateTagsOf(key)) : tagsOf(key);
  const policy = strong ? 'strong' : key.startsWith('x:') ? 'grace' : undefined;
  return { ...(tags && { tags }), ...(policy && { policy }) };
}

/**
 * Rows that one invalidation concerns, and that invalidation.
 * @type {Record<string, (random: () => number) => { keys: string[], target: object | 'all' }>}
 */
export const TOGETHER = {
  tag(random) {
    const group = Math.floor(random() * GROUPS);
    return { keys: KINDS.k.filter((key) => number(key) % GROUPS === group), target: { tags: [`g${group}`] } };
  },
  hotTag(random) {
    const group = Math.floor(random() * 3);
    return { keys: KINDS.h.filter((key) => number(key) % 3 === group), target: { tags: [`hot${group}`] } };
  },
  lateTag(random) {
    const shelf = Math.floor(random() * SHELVES);
    return { keys: KINDS.l.filter((key) => number(key) % SHELVES === shelf), target: { tags: [`late${shelf}`] } };
  },
  prefix(random) {
    const first = Math.floor(random() * 10);
    return { keys: KINDS.q.filter((key) => key.startsWith(`q:${first}:`)), target: { prefix: `q:${first}:` } };
  },
  kind: () => ({ keys: KINDS.q, target: { prefix: 'q:' } }),
  search(random) {
    const first = Math.floor(random() * 10);
    return { keys: KINDS.p.filter((key) => key.startsWith(`p:${first}:`)), target: { prefix: `p:${first}:` } };
  },
  pattern(random) {
    const last = Math.floor(random() * 15);
    return { keys: KINDS.p.filter((key) => key.endsWith(`:${last}`)), target: { pattern: `p:*:${last}` } };
  },
  all: () => ({ keys: ALL_KEYS, target: 'all' }),
};
