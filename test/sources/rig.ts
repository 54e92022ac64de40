import { afterEach, beforeEach, jest } from '@jest/globals';
import { SourceChain, type SourceChainOptions } from '../../src/index.js';

export type Load = SourceChainOptions<[id: number], string>['sources'][number]['load'];

/** cockatiel takes its time from Date and setTimeout: here the test moves them. */
export function useFakeTime(): void {
  beforeEach(() => {
    jest.useFakeTimers();
  });
  afterEach(() => {
    jest.useRealTimers();
  });
}

export const down: Load = async () => {
  throw new Error('down');
};
export const hangs: Load = ({ signal }) =>
  new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
export const late =
  (ms: number, answer: string): Load =>
  () =>
    new Promise((resolve) => setTimeout(() => resolve(answer), ms));

export function chain(primary: Load, backup: Load, options: Partial<SourceChainOptions<[id: number], string>> = {}) {
  return new SourceChain<[id: number], string>(
    {
      name: 'films',
      sources: [
        { name: 'primary', load: primary },
        { name: 'replica', load: backup },
      ],
      ...options,
    },
    { random: () => 0.5 },
  );
}

export const failure = async (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => undefined,
    (error) => error,
  );

/** Lets timers run while a call is under way. */
export async function during<T>(work: Promise<T>, ms: number): Promise<T> {
  work.catch(() => undefined);
  await jest.advanceTimersByTimeAsync(ms);
  return work;
}
