/** @typedef {import('./link.mjs').Link} Link */

/** Commands after which a name is tracked, in scripts too. `SET NX GET` is none of them. */
const READS = new Set(['GET', 'MGET', 'GETRANGE', 'STRLEN', 'EXISTS', 'PTTL']);

/**
 * CLIENT TRACKING with REDIRECT and NOLOOP, as Redis 7.0 does it: what a connection reads is remembered; the first change,
 * whoever makes it, ends that for everybody, and is told to all but the one that made it.
 */
export class TrackingTable {
  /** Whose readings are remembered, and which connection is told. @type {Map<Link, number>} */
  #targets = new Map();
  /** @type {Map<string, Set<Link>>} */
  #readers = new Map();
  /** The connection whose command is being executed. @type {Link | undefined} */
  current;

  /** @param {Link} link @param {number} target number of the connection that is told */
  start(link, target) {
    this.#targets.set(link, target);
  }

  /** @param {Link} link */
  targetOf(link) {
    return this.#targets.get(link) ?? -1;
  }

  /** @param {Link} link */
  drop(link) {
    this.#targets.delete(link);
  }

  clear() {
    this.#targets.clear();
    this.#readers.clear();
  }

  /** A command was executed, by itself or in a script. @param {string} name @param {string[]} keys */
  executed(name, keys) {
    const { current } = this;
    if (!current || !this.#targets.has(current) || !READS.has(name)) return;
    for (const key of keys) {
      if (!this.#readers.has(key)) this.#readers.set(key, new Set());
      this.#readers.get(key).add(current);
    }
  }

  /** A key was changed. @param {string} key @param {(target: number) => Link | undefined} find */
  changed(key, find) {
    const readers = this.#readers.get(key);
    if (!readers) return;
    this.#readers.delete(key);
    for (const reader of readers) {
      const target = this.#targets.get(reader);
      if (target !== undefined && reader !== this.current) find(target)?.invalidate([key]);
    }
  }

  /** Everything was. @param {(target: number) => Link | undefined} find */
  flushed(find) {
    this.#readers.clear();
    for (const target of this.#targets.values()) find(target)?.invalidate(null);
  }
}
