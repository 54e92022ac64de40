import { built } from '../engine.mjs';

const { SystemClock } = await built('engine/clock.js');

/** Milliseconds since 1970 at which a world begins. */
const BEGIN = 1_800_000_000_000;

/** @type {ProcessTime | undefined} */
let current;

/**
 * The time that a process sees, through what Node gives to every program: so the clock in use is the engine's own. Timers are
 * late, the wall clock may be set, and the monotonic one stands still while the machine is suspended.
 */
export class ProcessTime {
  /** What the wall clock is ahead. */
  offset = 0;
  #suspended = 0;

  /** @param {import('../lib/world.mjs').World} world @param {(work: () => void, timer: boolean) => void} run in the process */
  constructor(world, run) {
    this.world = world;
    this.run = run;
  }

  /** From now on it is this process that looks at a clock. */
  enter() {
    current = this;
  }

  /** A clock for a cache. */
  clock() {
    return new SystemClock();
  }

  wall() {
    return Math.floor(BEGIN + this.world.now + this.offset);
  }

  monotonic() {
    return this.world.now - this.#suspended;
  }

  /** The machine stood still for so long. @param {number} time */
  suspended(time) {
    this.#suspended += time;
  }

  /** @param {() => void} then @param {number} delay */
  timer(then, delay) {
    return new Timer(this, then, Math.max(1, Math.trunc(delay)));
  }
}

/** What setTimeout gives. */
class Timer {
  #event;
  #due = 0;

  constructor(time, then, delay) {
    Object.assign(this, { time, then, delay });
    this.refresh();
  }

  unref() {
    return this;
  }

  ref() {
    return this;
  }

  refresh() {
    this.cancel();
    this.#due = this.time.monotonic() + this.delay;
    this.#arm();
    return this;
  }

  cancel() {
    if (this.#event) this.#event.run = undefined;
    this.#event = undefined;
  }

  #arm() {
    const { world } = this.time;
    // Sometimes by much.
    const late = !world.calm && world.random() < 0.02 ? world.random() * 15 : world.random();
    const event = world.after(this.#due - this.time.monotonic() + late, () =>
      this.time.run(() => this.#fire(event), true),
    );
    this.#event = event;
  }

  #fire(event) {
    // It was cancelled, or begun anew, while its process stood still.
    if (this.#event !== event) return;
    this.#event = undefined;
    if (this.time.monotonic() < this.#due) this.#arm();
    else this.then();
  }
}

/** Nothing looks at a clock between two turns of processes. */
export function leave() {
  current = undefined;
}

const real = { setTimeout, clearTimeout, performance: performance.now.bind(performance), date: Date.now };

/** Makes the clocks of this thread virtual, as far as processes of the model look at them. */
export function install() {
  Date.now = () => (current ? current.wall() : real.date());
  performance.now = () => (current ? current.monotonic() : real.performance());
  globalThis.setTimeout = (then, delay = 1, ...rest) =>
    current ? current.timer(() => then(...rest), delay) : real.setTimeout(then, delay, ...rest);
  globalThis.clearTimeout = (timer) => (timer instanceof Timer ? timer.cancel() : real.clearTimeout(timer));
}

install();
