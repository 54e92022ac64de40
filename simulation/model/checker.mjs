import { GRACE_SHADOW, KEYS, LOSS_SHADOW } from './settings.mjs';

/** @typedef {import('./process.mjs').Process} Process */

/**
 * A write of rows, with what told the caches of it: an eviction, a put, a change of a marker.
 * @typedef {{ process: Process, mode: string, rows: { key: string, version: number }[], begun: number, resolved: number, done: number }} Change
 * `resolved`: its call returned. `done`: Redis has it, for all that is known (infinite while it is undelivered, or was lost).
 */

/** @typedef {{ why: string, text: string, at: number }} Violation */

/**
 * Knows every row and every completed change, so it knows what each read must return at least: see "Invariants" in
 * docs/coherence.md.
 */
export class Checker {
  /** @type {Violation[]} */
  violations = [];
  figures = { reads: 0, strong: 0, writes: 0, lostChanges: 0 };
  /** Final reads: no fault since, so nothing may be old. */
  final = false;
  /** @type {Change[]} */
  #changes = [];
  /** The newest row a strong read has shown, by key. @type {Map<string, number>} */
  #shown = new Map();
  /** Until then strong reads are not compared with each other. */
  #shadowUntil = 0;

  /** @param {import('../lib/world.mjs').World} world @param {{ bound: number, grace: boolean }} promises */
  constructor(world, { bound, grace }) {
    this.world = world;
    this.bound = bound;
    this.grace = grace;
  }

  /** @param {Process} process @param {string} mode @returns {Change} */
  begin(process, mode) {
    const change = {
      process,
      mode,
      rows: [],
      begun: this.world.now,
      resolved: Number.POSITIVE_INFINITY,
      done: Number.POSITIVE_INFINITY,
    };
    this.#changes.push(change);
    this.figures.writes++;
    return change;
  }

  /** Its call returned; it is done when nothing of the process is undelivered. @param {Change} change */
  returned(change) {
    change.resolved = this.world.now;
    change.process.undone.push(change);
  }

  /** Called whenever the process may have delivered something. @param {Process} process */
  settle(process) {
    if (process.undone.length === 0 || process.undelivered() > 0 || process.replaying) return;
    for (const change of process.undone) change.done = this.world.now;
    process.undone = [];
  }

  /** Redis was restarted without its writes since then: what it forgot is not done until it was told again. @param {number} since */
  lost(since) {
    this.#shown.clear();
    this.#shadowUntil = this.world.now + LOSS_SHADOW;
    for (const change of this.#changes) {
      if (change.done < since || change.done === Number.POSITIVE_INFINITY) continue;
      this.figures.lostChanges++;
      change.done = Number.POSITIVE_INFINITY;
      change.process.undone.push(change);
      // Until it has a new connection it does not even know.
      change.process.replaying = true;
    }
  }

  /** @param {Process} process @param {string} key @param {boolean} strong @returns {(version: number | undefined, compared: boolean) => void} */
  expect(process, key, strong) {
    const { now } = this.world;
    this.figures.reads++;
    if (strong) this.figures.strong++;
    const completed = this.#newest(key, (change) => change.done <= (strong ? now : now - this.bound - 1e-9));
    const own = this.#newest(key, (change) => change.process === process && change.resolved <= now);
    const shown = this.#shown.get(key) ?? 1;
    return (version, compared) => {
      if (version === undefined) {
        // Not one waits for what nobody does any more.
        if (this.final)
          this.#violation('no value after faults', `${process.name} asked for ${key} at ${now.toFixed(1)}`);
        return;
      }
      // Without Redis, memory may show within its grace what others have changed.
      const owed = this.grace && process.troubled > now - GRACE_SHADOW ? 0 : completed;
      const told = (why, least) =>
        this.#violation(
          why,
          `${process.name} asked for ${key} at ${now.toFixed(1)} and got v${version}: at least v${least} was due`,
        );
      const comparable = strong && compared && now >= this.#shadowUntil;
      if (version < owed) {
        told(
          strong
            ? 'strong read older than a completed write'
            : this.final
              ? 'stale after quiescence'
              : 'eventual read beyond the bound',
          owed,
        );
      } else if (version < own) told('own write not read', own);
      else if (comparable && version < shown) told('strong reads go backwards', shown);
      if (comparable) this.#shown.set(key, Math.max(this.#shown.get(key) ?? 1, version));
    };
  }

  /** @param {string} why @param {string} text */
  fail(why, text) {
    this.#violation(why, text);
  }

  #violation(why, text) {
    this.violations.push({ why, text, at: this.world.now });
    this.world.say(`*** ${why}: ${text}`);
  }

  #newest(key, holds) {
    let newest = 1;
    for (const change of this.#changes) {
      // What is only expired may stand in for a load that fails.
      if (!holds(change) || (this.grace && !this.final && change.mode === 'expire')) continue;
      for (const row of change.rows) if (row.key === key && row.version > newest) newest = row.version;
    }
    return newest;
  }
}

/** At the end every process reads every key, several times. */
export const FINAL_KEYS = KEYS;
