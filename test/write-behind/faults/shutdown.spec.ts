import { describe, expect, it } from '@jest/globals';
import { useWriteBehind } from '../../e2e/write-behind-world.js';
import { itemsOf } from './own-world.js';

const ROWS = 10_000;

describe(`an app that ends with ${ROWS} rows pending`, () => {
  const world = useWriteBehind();

  /** All of them written, none of them flushed. */
  async function pending(drainTimeout: number) {
    const here = await world();
    // Written by a process that does not flush, and whose batches are so large that it has none flushed.
    const web = await here.app({ writeBehind: { flushDelay: '100s', batchSize: ROWS, processors: false } });
    const app = await here.app({ writeBehind: { flushDelay: '100s', drainTimeout } });
    await Promise.all(itemsOf('k', ROWS, 1).map((row) => web.items.put(row)));
    expect([(await web.items.stats()).dirty, await here.rows()]).toEqual([ROWS, []]);
    return { here, app };
  }

  it('flushes them all if it has the time', async () => {
    const { here, app } = await pending(20_000);
    await app.close();
    expect(await here.rows()).toHaveLength(ROWS);
    expect(app.log.filter((line) => line.includes('pending rows'))).toEqual([]);
    const next = await here.app({ writeBehind: { processors: false } });
    expect(await next.items.stats()).toMatchObject({ dirty: 0, bytes: 0, deadLetters: 0 });
  }, 40_000);

  it('leaves in Redis what it has no time for, says how much that is, and the next one flushes it', async () => {
    const { here, app } = await pending(60);
    const begin = performance.now();
    await app.close();
    expect(performance.now() - begin).toBeLessThan(20_000);
    const [line = ''] = app.log.filter((text) => text.includes('pending rows stay in Redis'));
    const left = Number.parseInt(line, 10);
    expect(left).toBeGreaterThan(0);
    expect((await here.rows()).length).toBeGreaterThanOrEqual(ROWS - left);
    const next = await here.app();
    await next.items.flush();
    expect(await here.rows()).toHaveLength(ROWS);
    expect(await next.items.stats()).toMatchObject({ dirty: 0, bytes: 0, deadLetters: 0 });
  }, 40_000);
});
