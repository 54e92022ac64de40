import type { Advice } from '../../engine/advice.js';
import type { ResolvedJobs } from '../jobs.options.js';
import { type GroupFigures, type KeyFigures, median, quantile } from './key-figures.js';
import type { Window } from './window.js';

/** What advice is made from: one window of one cache. */
export interface Measured {
  window: Window;
  keys: KeyFigures;
  /** One observed key stands for so many. */
  one: number;
  /** What memory's hit ratio would be with so many entries, without expiry; `undefined` if that is not known. */
  hitRatioAt: ((entries: number) => number | undefined) | undefined;
  /** Whether there is Redis behind memory. */
  hasRedis: boolean;
}

/** Advice before it is told. */
export type Finding = Pick<Advice, 'code' | 'subject' | 'message' | 'figures'>;

type Limits = Pick<ResolvedJobs['advise'], 'hitRatio' | 'memory' | 'atLeast'>;

/** Fewer observed events than this say nothing. */
const LEAST_SEEN = 30;
/** From this share of all requests on, misses of one cause are worth a change. */
const CHURN = 0.05;
const EXPIRED = 0.2;
const INVALIDATED = 0.2;
/** From this share of all entries of a prefix on, storing them is in vain. */
const UNUSED = 0.9;
/** A larger memory is proposed only if it gains so much, and at most so many times as large. */
const GAIN = 0.02;
const LARGEST = 4;
/** A longer ttl is proposed that would have kept this share of what had expired, and only if it is at most so many times as long. */
const KEPT = 0.75;
const LONGEST = 10;

/** All advice for one window. */
export function findings(measured: Measured, limits: Limits): Finding[] {
  const { window, keys } = measured;
  const found: Finding[] = [];
  const memory = memoryHigh(window, limits);
  if (memory) found.push(memory);
  if (window.requests < limits.atLeast) return found;
  const causes = [churn(measured), ...perGroup(keys, ttlShort), ...perGroup(keys, neverHit), ...invalidated(measured)];
  const known = causes.filter((one) => one !== undefined);
  const low = hitRatioLow(measured, limits, known.length > 0);
  return [...found, ...(low ? [low] : []), ...known];
}

function memoryHigh({ bytes, maxBytes, entries }: Window, limits: Limits): Finding | undefined {
  if (!Number.isFinite(maxBytes) || maxBytes === 0 || bytes / maxBytes <= limits.memory) return undefined;
  const used = bytes / maxBytes;
  const perEntry = Math.round(bytes / Math.max(1, entries));
  return {
    code: 'memory-high',
    subject: '',
    message:
      `Memory holds ${percent(used)} of its ${mebibytes(maxBytes)} (${whole(entries)} entries of ${whole(perEntry)} bytes on average). ` +
      'Raise memory.maxBytes if the process has room, or cache smaller values.',
    figures: { used, bytes, maxBytes, entries },
  };
}

function hitRatioLow(measured: Measured, limits: Limits, explained: boolean): Finding | undefined {
  const { window, keys } = measured;
  if (window.hitRatio >= limits.hitRatio) return undefined;
  return {
    code: 'hit-ratio-low',
    subject: '',
    message:
      `The hit ratio was ${percent(window.hitRatio)} of ${whole(window.requests)} requests, under the target of ${percent(limits.hitRatio)}. ` +
      (explained ? 'What the other advice says would raise it.' : whyLow(keys)),
    figures: { hitRatio: window.hitRatio, target: limits.hitRatio, requests: window.requests },
  };
}

function whyLow(keys: KeyFigures): string {
  const missed = {
    cold: keys.sum('cold'),
    expired: keys.sum('expired'),
    evicted: keys.sum('evicted'),
    invalidated: keys.sum('invalidated'),
    displaced: keys.sum('displaced'),
  };
  const [most] = Object.entries(missed).sort(([, a], [, b]) => b - a);
  if (!most || most[1] < LEAST_SEEN) return 'Too few misses were observed to say why.';
  const all = Object.values(missed).reduce((sum, count) => sum + count, 0);
  return `${percent(most[1] / all)} of the misses ${WHY[most[0]]}`;
}

const WHY: Record<string, string> = {
  cold: 'were for keys that were not asked for before: keys may be finer than what the values depend on.',
  expired: 'were for values that had expired: a longer ttl would keep them.',
  evicted: 'were for keys that were evicted by name: write the new value (@CachePut) instead of evicting it.',
  invalidated: 'were for values that a tag, a prefix or clear() had invalidated: use narrower tags.',
  displaced: 'were for values that had to leave memory: raise memory.maxEntries or maxBytes.',
};

/** What left for want of room and was asked for again. */
function churn({ window, keys, one, hitRatioAt, hasRedis }: Measured): Finding | undefined {
  const requests = keys.sum('requests');
  const displaced = keys.sum('displaced');
  if (displaced < LEAST_SEEN || displaced / requests < CHURN) return undefined;
  const share = displaced / requests;
  const start =
    `${percent(share)} of the requests asked for values that had left memory for want of room ` +
    `(${whole(window.evictions)} evictions, ${whole(window.maxEntries)} entries allowed).`;
  const figures: Record<string, number> = { share, evictions: window.evictions, displaced: displaced * one };
  const larger = hitRatioAt && largerMemory(window, hitRatioAt);
  if (!larger) {
    return {
      code: 'eviction-churn',
      subject: '',
      message: `${start} Raise memory.maxEntries or memory.maxBytes.`,
      figures,
    };
  }
  const { entries, hitRatio } = larger;
  const name = hasRedis ? "memory's hit ratio" : 'the hit ratio';
  return {
    code: 'eviction-churn',
    subject: '',
    message: `${start} With ${whole(entries)} entries ${name} would be ${percent(hitRatio)}, now ${percent(window.memoryHitRatio)}.`,
    figures: { ...figures, entries, hitRatio, now: window.memoryHitRatio },
  };
}

/**
 * The smallest memory that brings most of what is to be gained. The curve knows nothing of what expired or was invalidated, so
 * only what it gains from one size to another is taken from it.
 */
function largerMemory(
  window: Window,
  hitRatioAt: (entries: number) => number | undefined,
): { entries: number; hitRatio: number } | undefined {
  // What memory really holds: the bound on bytes may have come first.
  const size = Math.max(1, Math.min(window.entries, window.maxEntries));
  const now = hitRatioAt(size);
  if (now === undefined) return undefined;
  const gainOf = (entries: number): number => (hitRatioAt(entries) ?? now) - now;
  const most = gainOf(size * LARGEST);
  if (most < GAIN) return undefined;
  let entries = size * 2;
  while (gainOf(entries) < 0.8 * most && entries < size * LARGEST) entries *= 2;
  return { entries, hitRatio: Math.min(1, window.memoryHitRatio + gainOf(entries)) };
}

function* perGroup(
  keys: KeyFigures,
  rule: (group: string, figures: GroupFigures) => Finding | undefined,
): Iterable<Finding | undefined> {
  for (const [group, figures] of keys.groups) yield rule(group, figures);
}

function ttlShort(group: string, { requests, expired, reuse }: GroupFigures): Finding | undefined {
  if (expired < LEAST_SEEN || expired / requests < EXPIRED) return undefined;
  const life = median(reuse.map((one) => one.life));
  const wanted = quantile(
    reuse.map((one) => one.after),
    KEPT,
  );
  if (wanted > life * LONGEST) return undefined;
  const share = expired / requests;
  return {
    code: 'ttl-short',
    subject: group,
    message:
      `${percent(share)} of the requests for ${quoted(group)} came after their value had expired: it was fresh for ${time(life)}, ` +
      `and was asked for again ${time(median(reuse.map((one) => one.after)))} after it was stored (median). ` +
      `With a ttl of ${time(wanted)} ${percent(KEPT)} of these would have been hits.`,
    figures: { share, ttl: life, reuse: median(reuse.map((one) => one.after)), wanted },
  };
}

function neverHit(
  group: string,
  { ended, unused, expired, displaced, invalidated, evicted }: GroupFigures,
): Finding | undefined {
  if (ended < LEAST_SEEN || unused / ended < UNUSED) return undefined;
  // They are asked for, only too late: another rule says what to do.
  if (expired + displaced + invalidated + evicted > unused / 2) return undefined;
  const share = unused / ended;
  return {
    code: 'never-hit',
    subject: group,
    message:
      `${percent(share)} of the values of ${quoted(group)} left memory without having been asked for once. ` +
      'Do not cache them, or not in memory (tiers), or give them keys that several requests share.',
    figures: { share, ended, unused },
  };
}

function* invalidated({ keys }: Measured): Iterable<Finding> {
  const requests = keys.sum('requests');
  const by = new Map<string, number>();
  for (const figures of keys.groups.values()) {
    for (const [name, count] of figures.invalidatedBy) by.set(name, (by.get(name) ?? 0) + count);
  }
  for (const [name, count] of by) {
    if (count < LEAST_SEEN || count / requests < INVALIDATED) continue;
    const share = count / requests;
    const changes = keys.changes.get(name) ?? 0;
    yield {
      code: 'invalidated-widely',
      subject: name,
      message:
        `${percent(share)} of the requests asked for values that ${name} had invalidated (${whole(changes)} times in this while). ` +
        'Use a narrower tag or prefix, so that a change drops only what it concerns.',
      figures: { share, changes },
    };
  }
}

const percent = (share: number): string => `${(100 * share).toFixed(share > 0.995 && share < 1 ? 1 : 0)} %`;
const whole = (count: number): string => Math.round(count).toLocaleString('en-US');
const mebibytes = (bytes: number): string => `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
const quoted = (group: string): string => (group.endsWith(':') ? `'${group}'` : group);

function time(length: number): string {
  if (length < 1_000) return `${Math.round(length)} ms`;
  if (length < 120_000) return `${(length / 1_000).toFixed(length < 10_000 ? 1 : 0)} s`;
  return length < 7_200_000 ? `${(length / 60_000).toFixed(0)} min` : `${(length / 3_600_000).toFixed(1)} h`;
}
