import type { JobsOptions } from '../../src/index.js';
import { FakeClock } from '../../src/testing.js';
import { type AppOptions, type TestApp, until, useWorld, type World } from '../e2e/world.js';

/** Lets promises and answers of Redis that are under way arrive. */
export const settled = () => new Promise((resolve) => setImmediate(resolve));

/** An app whose jobs run when its clock says so, and what it logged. */
export interface JobsApp extends TestApp {
  clock: FakeClock;
  /** Moves the clock in steps, so that between two of them Redis can answer. */
  pass(seconds: number): Promise<void>;
}

export interface JobsWorld extends World {
  jobsApp(options?: Omit<AppOptions, 'jobs'> & { jobs?: JobsOptions; clock?: FakeClock }): Promise<JobsApp>;
}

export function useJobs(): JobsWorld {
  const world = useWorld();
  const jobsApp: JobsWorld['jobsApp'] = async ({ clock = new FakeClock(), jobs = {}, ...options } = {}) => {
    // The clock jumps, and Redis answers in real time: nothing may time out.
    const tier = { commandTimeout: '1d', bound: '1h' } as const;
    const app = await world.app({ clock, jobs, ...(options.url !== false && { tier }), ...options });
    const pass = async (seconds: number): Promise<void> => {
      for (let i = 0; i < seconds; i++) {
        await clock.advance('1s');
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
    };
    return Object.assign(app, { clock, pass });
  };
  return Object.assign(Object.create(world) as World, { jobsApp });
}

export { until };

/** Asks so often that a key is popular. */
export async function ask<T>(times: number, call: () => Promise<T>): Promise<void> {
  for (let i = 0; i < times; i++) await call();
}
