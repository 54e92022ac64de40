import { EventQueue } from './queue.mjs';
import { randomOf } from './random.mjs';

/**
 * Virtual time. The only thing that moves it is the next event, and that comes when everything the last one set off is done:
 * promises and ticks are real, timers and the network are not.
 */
export class World {
  now = 0;
  events = 0;
  /** An event ran code whose promises must be drained. */
  touched = false;
  /** Something that is not the cache's was put into Redis: it may complain. */
  foreign = false;
  /** No delays out of the common any more. */
  calm = false;
  /** Called when all that an event set off is done. */
  settled = () => {};
  #queue = new EventQueue();

  /** @param {number} seed @param {boolean} tracing whether a log is kept */
  constructor(seed, tracing) {
    this.random = randomOf(seed);
    /** @type {string[] | undefined} */
    this.log = tracing ? [] : undefined;
  }

  /** @param {number} delay @param {() => void} run @returns {import('./queue.mjs').Event} */
  after(delay, run) {
    return this.#queue.push(this.now + Math.max(0, delay), run);
  }

  /** @param {number} time @param {() => void} run */
  at(time, run) {
    return this.#queue.push(Math.max(time, this.now), run);
  }

  /** @param {string} text */
  say(text) {
    this.log?.push(`${this.now.toFixed(1).padStart(7)} ${text}`);
  }

  /**
   * Runs events until `over` says so, there is none left, or there were too many.
   * @param {() => boolean} over @param {number} most @returns {Promise<void>}
   */
  run(over, most) {
    return new Promise((resolve, reject) => {
      const step = () => {
        try {
          this.settled();
          while (!over() && this.events < most) {
            const event = this.#queue.pop();
            if (event === undefined) return resolve();
            if (event.run === undefined) continue;
            this.now = event.at;
            this.events++;
            event.run();
            if (this.touched) {
              this.touched = false;
              // Comes after all ticks and microtasks, those that they add included.
              setImmediate(step);
              return;
            }
          }
          resolve();
        } catch (error) {
          reject(error);
        }
      };
      setImmediate(step);
    });
  }
}
