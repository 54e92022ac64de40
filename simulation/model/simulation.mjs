import { World } from '../lib/world.mjs';
import { Server } from '../redis/server.mjs';
import { Checker } from './checker.mjs';
import { leave } from './clock.mjs';
import { Database } from './database.mjs';
import { FAULTS } from './faults.mjs';
import { Operations } from './operations.mjs';
import { planOf } from './plan.mjs';
import { Process } from './process.mjs';
import { Sets } from './sets.mjs';
import { BOUND, CLOSE, KEYS, MAX_EVENTS, QUIET, REPLACED_AFTER } from './settings.mjs';

/** @typedef {import('./plan.mjs').Plan} Plan @typedef {import('./plan.mjs').Item} Item */

/** One plan, carried out in one world. `salt`: other delays for the same plan. */
export class Simulation {
  /** @type {Process[]} */
  processes = [];
  #over = false;
  #started = 0;

  /** @param {number} seed @param {Plan} plan @param {{ salt?: number, tracing?: boolean }} options */
  constructor(seed, plan, { salt = 0, tracing = false } = {}) {
    this.plan = plan;
    this.world = new World(seed * 7919 + 13 + salt * 104_729, tracing);
    const { world } = this;
    this.server = new Server(world, 0);
    this.checker = new Checker(world, { bound: BOUND, grace: plan.grace });
    this.database = new Database(world);
    this.database.failing = plan.grace;
    this.operations = new Operations(this);
    this.sets = new Sets(this);
    // One after the other: a turn belongs to one process.
    for (let i = 0; i < plan.processes; i++) world.at(0, () => this.processes.push(this.#start(i)));
    for (const item of plan.items) world.at(item.at, () => this.#perform(item));
    world.at(QUIET, () => this.#final());
    world.settled = () => {
      leave();
      for (const process of this.processes) {
        this.checker.settle(process);
        process.watch();
      }
    };
  }

  async run() {
    const { world, checker } = this;
    await world.run(() => this.#over, MAX_EVENTS);
    if (!this.#over) checker.fail('does not come to an end', `${world.events} events`);
    for (const process of this.processes) {
      if (process.failure) checker.fail('error that is no outage', process.failure.stack);
      if (process.undelivered() > 0) checker.fail('undelivered at the end', process.name);
      process.crash();
    }
    return {
      violations: checker.violations,
      figures: { ...checker.figures, loads: this.database.loads, events: world.events },
      log: world.log,
    };
  }

  /** A process ends without a word, and another takes its place. @param {number} index */
  replace(index, old = this.processes[index]) {
    old.crash();
    this.world.after(REPLACED_AFTER, () => {
      if (this.processes[index] === old) this.processes[index] = this.#start(index);
    });
  }

  /** A process ends in an orderly way: it does what is under way, and nothing more. @param {number} index */
  close(index) {
    const process = this.processes[index];
    if (process.leaving) return;
    process.leaving = true;
    process.run(() => this.#watch(process.cache.close(CLOSE).then(() => this.replace(index, process))));
  }

  #start(index) {
    return new Process(this.world, this.server, `P${index}.${this.#started++}`, { ...this.plan, bound: BOUND });
  }

  /** @param {Item} item */
  #perform(item) {
    const { world, operations, sets } = this;
    const process = this.processes[item.process];
    if (process.leaving) return;
    const call = {
      read: () => operations.read(process, item.key, item.strong),
      bulk: () => operations.readMany(process, item.key, item.strong),
      get: () => operations.get(process, item.key),
      write: () => operations.write(process, item.keys, item.mode),
      set: () => sets.set(process, item.key),
      show: () => sets.get(process, item.key),
      drop: () => sets.drop(process, item.key, item.pattern),
    }[item.kind];
    if (call) {
      process.run(() => this.#watch(call()));
      return;
    }
    world.say(`--- ${JSON.stringify(item)}`);
    FAULTS[item.kind](this, item);
  }

  /** @param {Promise<unknown>} work */
  #watch(work) {
    work.catch((error) => this.checker.fail('a call failed', error?.stack ?? String(error)));
  }

  /** Everybody reads everything, a fresh process too: nobody may have something old, and in the end all is in the cache again. */
  #final() {
    const { world, checker, database, operations } = this;
    world.say('=== quiet: final reads');
    checker.final = true;
    world.calm = true;
    const fresh = this.#start(this.processes.length);
    this.processes.push(fresh);
    const rounds = async () => {
      await fresh.sleep(BOUND);
      for (let round = 0; round < 4; round++) {
        if (round === 2) database.recent = 0;
        for (const process of this.processes) {
          for (const key of KEYS) {
            // In a turn of that process.
            await process.sleep(3);
            await operations.read(process, key, round === 3);
          }
        }
        await fresh.sleep(30);
      }
      if (database.recent > 0)
        checker.fail('not cached again after faults', `${database.recent} loads in the last rounds`);
    };
    fresh.run(() => this.#watch(rounds().finally(() => (this.#over = true))));
  }
}

/** @param {number} seed @param {{ salt?: number, tracing?: boolean, plan?: Plan }} options */
export function simulate(seed, { plan = planOf(seed), ...options } = {}) {
  return new Simulation(seed, plan, options).run();
}
