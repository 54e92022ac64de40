import { expect, it } from '@jest/globals';
import { type Provisional, Recovery } from '../../src/sources/recovery.js';
import { FakeClock } from '../../src/testing.js';

const EVERY = 5_000;

function start(most = 100) {
  const clock = new FakeClock();
  const recovery = new Recovery(clock, EVERY, most, () => false);
  const asked: string[] = [];
  /** `answers`: sources in turn, or an error; the last one goes on. */
  const note = (id: string, ...answers: (string | Error)[]): void => {
    const reload: Provisional['reload'] = async () => {
      asked.push(id);
      const answer = answers.length > 1 ? answers.shift() : answers[0];
      if (answer instanceof Error) throw answer;
      return answer;
    };
    recovery.note({ id, source: 'replica', until: clock.now() + 60_000, reload });
  };
  return { clock, recovery, asked, note };
}

it('a value that another process is loading waits for its next turn, and holds up no other one', async () => {
  const { clock, recovery, asked, note } = start();
  note('claimed', 'replica', 'replica', 'primary');
  for (let id = 0; id < 5; id++) note(`k${id}`, 'primary');
  await clock.advance(EVERY);
  expect(asked).toEqual(['claimed', 'k0', 'k1', 'k2', 'k3', 'k4']);
  expect([recovery.size, recovery.recovered]).toEqual([1, 5]);
  await clock.advance(2 * EVERY);
  expect([recovery.size, recovery.recovered]).toEqual([0, 6]);
  expect(asked.slice(6)).toEqual(['claimed', 'claimed']);
});

it('is over for a value that is gone, and at the end of its life', async () => {
  const { clock, recovery, asked, note } = start();
  note('claimed', 'replica');
  recovery.note({ id: 'gone', source: 'replica', until: clock.now() + 60_000, reload: async () => undefined });
  await clock.advance(EVERY);
  expect([recovery.size, recovery.recovered]).toEqual([1, 0]);
  await clock.advance(120_000);
  expect(recovery.size).toBe(0);
  expect(asked.length).toBeLessThanOrEqual(12);
});

it('tries one at a time while the primary is away, another one each time', async () => {
  const { clock, recovery, asked, note } = start();
  for (let id = 0; id < 3; id++) note(`k${id}`, new Error('down'), 'primary');
  await clock.advance(2 * EVERY);
  expect(asked).toEqual(['k0', 'k1']);
  await clock.advance(EVERY);
  expect(asked).toEqual(['k0', 'k1', 'k2']);
  await clock.advance(EVERY);
  expect([recovery.size, recovery.recovered]).toEqual([0, 3]);
});

it('takes no value that was not asked for as a sign that the primary is back', async () => {
  const { clock, recovery, asked, note } = start();
  note('claimed', 'replica');
  for (let id = 0; id < 5; id++) note(`k${id}`, new Error('down'), 'primary');
  await clock.advance(EVERY);
  expect(asked).toEqual(['claimed', 'k0']);
  expect([recovery.size, recovery.recovered]).toEqual([6, 0]);
});
