// What goes wrong. Between faults everything is up.
import { rename } from 'node:fs/promises';
import { sleep } from '../lib/time.mjs';

/**
 * `cold`: some source answers in time, so products that nobody has asked for before must be answered too; `away`: the primary cannot
 * answer at all, so its breaker must open.
 * @typedef {object} Fault
 * @property {string} title
 * @property {boolean} cold
 * @property {boolean} away
 * @property {(stage: import('./stage.mjs').Stage, ms: number, random: () => number) => Promise<void>} run
 */

const up = { mode: 'up' };
const down = { mode: 'down' };
const hangs = { mode: 'hangs' };

/** @type {Record<string, Fault>} */
export const FAULTS = {
  'primary-down': {
    title: 'the primary refuses connections',
    cold: true,
    away: true,
    run: (stage, ms) => during(stage, ms, { primary: down }),
  },
  'primary-hangs': {
    title: 'the primary does not answer any more',
    cold: true,
    away: true,
    run: (stage, ms) => during(stage, ms, { primary: hangs }),
  },
  'primary-slow': {
    title: 'the primary answers 400 ms late',
    cold: true,
    away: true,
    run: (stage, ms) => during(stage, ms, { primary: { mode: 'slow', delay: 400 } }),
  },
  'primary-flaps': {
    title: 'the primary comes and goes every 300 ms',
    cold: true,
    away: false,
    async run(stage, ms) {
      const end = performance.now() + ms;
      for (let down = true; performance.now() < end; down = !down) {
        stage.become({ primary: { mode: down ? 'down' : 'up' } });
        await sleep(300);
      }
    },
  },
  'primary-wrong': {
    title: 'the primary fails 5 % of the time',
    cold: true,
    away: false,
    run: (stage, ms, random) => during(stage, ms, { primary: { mode: 'wrong', share: 0.05, random } }),
  },
  'replica-down': {
    title: 'the replica refuses connections',
    cold: true,
    away: false,
    run: (stage, ms) => during(stage, ms, { replica: down }),
  },
  'both-down': {
    title: 'only the snapshot is there',
    cold: true,
    away: true,
    run: (stage, ms) => during(stage, ms, { primary: down, replica: down }),
  },
  'all-hang': {
    title: 'neither database answers any more',
    cold: false,
    away: true,
    run: (stage, ms) => during(stage, ms, { primary: hangs, replica: hangs }),
  },
  'all-down': {
    title: 'no source is there at all',
    cold: false,
    away: true,
    async run(stage, ms) {
      await rename(stage.snapshot, `${stage.snapshot}.away`);
      await during(stage, ms, { primary: down, replica: down });
      await rename(`${stage.snapshot}.away`, stage.snapshot);
    },
  },
};

async function during(stage, ms, behaviours) {
  stage.become(behaviours);
  await sleep(ms);
}

export const ALL_UP = { primary: up, replica: up };
