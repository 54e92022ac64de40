import { ALL, prefixMarker, tagMarker } from './epochs.js';
import { firstSegment, READABLE_HEAD } from './key.js';

/** How many lists are kept. */
const MAX_LISTS = 1_000;
const NO_NAMES: readonly string[] = [];

/** Which prefixes of a key have a marker: its first segment always, longer ones when declared. */
export class Prefixes {
  private readonly declared: readonly RegExp[];
  private readonly exact: readonly RegExp[];

  /** `declared`: texts ending in `:`, with `*` for one whole segment. */
  constructor(declared: Iterable<string>) {
    const sources = [...new Set(declared)].map((text) =>
      text
        .split('*')
        .map((piece) => piece.replace(/[$()*+.?[\\\]^{|}]/g, '\\$&'))
        .join('[^:]*'),
    ); // prettier-ignore
    this.declared = sources.map((source) => new RegExp(`^${source}`));
    this.exact = sources.map((source) => new RegExp(`^${source}$`));
  }

  /** Lists by first segment: keys that share one share the very list, which saves batches from comparing them. */
  private readonly lists = new Map<string | undefined, readonly string[]>();

  /** Names of all markers an entry of this key and these tags depends on. */
  markersOf(key: string, tags: readonly string[] = NO_NAMES): readonly string[] {
    const first = firstSegment(key);
    if (this.declared.length > 0 || tags.length > 0) return this.listOf(key, first, tags);
    let list = this.lists.get(first);
    if (list === undefined) {
      if (this.lists.size >= MAX_LISTS) this.lists.clear();
      list = this.listOf(key, first, tags);
      this.lists.set(first, list);
    }
    return list;
  }

  private listOf(key: string, first: string | undefined, tags: readonly string[]): readonly string[] {
    const names = [ALL];
    if (first !== undefined) names.push(prefixMarker(first));
    for (const pattern of this.declared) {
      const match = pattern.exec(key)?.[0];
      if (match !== undefined && !names.includes(prefixMarker(match))) names.push(prefixMarker(match));
    }
    for (const tag of tags) names.push(tagMarker(tag));
    return names;
  }

  /** True if an entry lacks the marker of a prefix its key has: it was written before that was declared. */
  missing(key: string, markers: readonly string[]): boolean {
    return this.declared.length > 0 && this.markersOf(key).some((name) => !markers.includes(name));
  }

  /** True if every key that begins with `prefix` has its marker, so that one change invalidates all of them. */
  covers(prefix: string): boolean {
    // A wildcard in it is one of a pattern, and a hashed key does not show what is behind its readable head.
    if (/[*?]/.test(prefix) || prefix.length > READABLE_HEAD) return false;
    return prefix.indexOf(':') === prefix.length - 1 || this.exact.some((pattern) => pattern.test(prefix));
  }
}
