import { AsyncResource } from 'node:async_hooks';
import type { Clock } from '../engine/clock.js';
import type { Milliseconds } from '../engine/duration.js';

/** A cached value that a backup gave. */
export interface Provisional {
  /** Unique among all caches. */
  id: string;
  /** The backup. */
  source: string;
  /** After that it is not there any more. */
  until: Milliseconds;
  /**
   * Loads it from the primary alone; resolves with the source of what is there then, `undefined` if nothing is. Rejects if the
   * primary fails.
   */
  reload(from: string): Promise<string | undefined>;
}

/** What an attempt says of the primary. */
type Asked = 'back' | 'away' | 'not asked';

/** So many are loaded again at the same time. */
const AT_ONCE = 2;

/**
 * Values from backups that wait for the primary. One of them at a time tries it, so that its return is noticed without any
 * traffic; when it is back, the others follow, a few at a time.
 */
export class Recovery {
  /** By id; who waits longest is first, and leaves when there are too many. */
  private readonly waiting = new Map<string, Provisional>();
  /** Of what waits again: the turn in which it was tried. */
  private readonly tried = new WeakMap<Provisional, number>();
  private turn = 0;
  private running = false;
  private stopTimer: (() => void) | undefined;
  recovered = 0;
  /** What runs later must not belong to the request, or the transaction, in which it was noted. */
  private readonly scope = new AsyncResource('nestjs-strata.recovery');

  constructor(
    private readonly clock: Clock,
    private readonly every: Milliseconds,
    private readonly most: number,
    /** Whether an error of a reload is what the primary answers, and not that it has failed. */
    private readonly answers: (error: unknown) => boolean,
  ) {}

  get size(): number {
    return this.waiting.size;
  }

  note(value: Provisional): void {
    if (this.most === 0) return;
    this.waiting.delete(value.id);
    this.waiting.set(value.id, value);
    if (this.waiting.size > this.most) this.waiting.delete(this.waiting.keys().next().value as string);
    this.plan();
  }

  /** The primary answers again. */
  back(): void {
    if (this.waiting.size > 0) this.scope.runInAsyncScope(() => void this.work());
  }

  private plan(): void {
    if (this.stopTimer || this.running || this.waiting.size === 0) return;
    this.stopTimer = this.clock.after(this.every, () => {
      this.stopTimer = undefined;
      this.back();
    });
  }

  /** One after the other, until the primary gave one: only then all others are worth trying. */
  private async work(): Promise<void> {
    if (this.running) return;
    this.running = true;
    this.turn++;
    this.stopTimer?.();
    this.stopTimer = undefined;
    try {
      let primary: Asked | undefined;
      do {
        const next = this.take();
        primary = next && (await this.ask(next));
      } while (primary === 'not asked');
      if (primary === 'back') await Promise.all(Array.from({ length: AT_ONCE }, () => this.others()));
    } finally {
      this.running = false;
      this.plan();
    }
  }

  private async others(): Promise<void> {
    for (let next = this.take(); next && (await this.ask(next)) !== 'away'; next = this.take());
  }

  /** Has a value replaced, if the primary is back. If it is away, the value waits again. */
  private async ask(value: Provisional): Promise<Asked> {
    try {
      const source = await value.reload(value.source);
      // It was not its turn, or another process is at it: it may still be needed.
      if (source === value.source) this.waitAgain(value);
      if (source === value.source || source === undefined) return 'not asked';
      this.recovered++;
      return 'back';
    } catch (error) {
      // It would be the same again: the value ends with its life.
      if (this.answers(error)) return 'back';
      // The load told its error; what waits is tried again.
      this.waitAgain(value);
      return 'away';
    }
  }

  private waitAgain(value: Provisional): void {
    if (this.waiting.has(value.id)) return; // a newer one
    this.tried.set(value, this.turn);
    this.waiting.set(value.id, value);
  }

  /** The next one that still lives and was not tried in this turn. */
  private take(): Provisional | undefined {
    const now = this.clock.now();
    for (const [id, value] of this.waiting) {
      if (this.tried.get(value) === this.turn) return undefined; // these come last
      this.waiting.delete(id);
      if (value.until > now) return value;
    }
    return undefined;
  }
}
