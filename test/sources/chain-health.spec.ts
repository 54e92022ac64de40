import { describe, expect, it, jest } from '@jest/globals';
import { NotFoundException } from '@nestjs/common';
import { AllSourcesFailedError, SourceChain, SourceUnavailableError } from '../../src/index.js';
import { chain, down, during, failure, hangs, type Load, late, useFakeTime } from './rig.js';

useFakeTime();

describe('the breaker of a source', () => {
  const breaker = { calls: 4, minimum: 4, halfOpenAfter: 1_000 };

  async function broken(primary: Load): Promise<SourceChain<[id: number], string>> {
    const films = chain(primary, async () => 'copy', { breaker });
    for (let i = 0; i < 4; i++) await films.ask([i]);
    expect(films.stats().sources[0]?.breaker).toBe('open');
    return films;
  }

  it('opens after too many failures: the source is not asked any more', async () => {
    const primary = jest.fn(down);
    const films = await broken(primary);
    const answer = await films.ask([1]);
    expect(primary).toHaveBeenCalledTimes(4);
    expect(answer).toMatchObject({ value: 'copy', attempts: 1 });
    expect(answer.failures[0]?.error).toBeInstanceOf(SourceUnavailableError);
    expect(films.stats().sources[0]).toMatchObject({ refused: 1, failures: 4 });
  });

  it('stays closed while only some calls fail', async () => {
    let calls = 0;
    const films = chain(
      async () => {
        if (++calls % 20 === 0) throw new Error('wrong');
        return 'film';
      },
      async () => 'copy',
    );
    const sources: string[] = [];
    for (let i = 0; i < 200; i++) sources.push((await films.ask([i])).source);
    expect(sources.filter((source) => source === 'replica')).toHaveLength(10);
    expect(films.stats().sources[0]).toMatchObject({ breaker: 'closed', refused: 0 });
  });

  it('lets one call find out whether it is back; all others go to the backup at once', async () => {
    let isDown = true;
    const primary = jest.fn<Load>(async (context, id) => (isDown ? down(context, id) : late(100, 'film')(context, id)));
    const films = await broken(primary);
    await jest.advanceTimersByTimeAsync(1_000);
    isDown = false;
    const all = Promise.all(Array.from({ length: 50 }, (_, id) => films.ask([id])));
    expect(films.stats().sources[0]?.breaker).toBe('half-open');
    const answers = await during(all, 100);
    expect(primary).toHaveBeenCalledTimes(5);
    expect(answers.filter(({ source }) => source === 'primary')).toHaveLength(1);
    expect(films.stats().sources[0]?.breaker).toBe('closed');
    expect((await during(films.ask([1]), 100)).source).toBe('primary');
  });

  it('stays open for as long again when that call fails', async () => {
    const primary = jest.fn(down);
    const films = await broken(primary);
    await jest.advanceTimersByTimeAsync(1_000);
    for (let i = 0; i < 10; i++) await films.ask([i]);
    expect(primary).toHaveBeenCalledTimes(5);
    await jest.advanceTimersByTimeAsync(999);
    await films.ask([1]);
    expect(primary).toHaveBeenCalledTimes(5);
  });

  it('tells how often it has opened: a call that tries an open one in vain is no further time', async () => {
    let isDown = true;
    const films = await broken(async (context, id) => (isDown ? down(context, id) : 'film'));
    const opened = () => films.stats().sources[0]?.opened;
    expect(opened()).toBe(1);
    await jest.advanceTimersByTimeAsync(1_000);
    await films.ask([1]);
    expect([films.stats().sources[0]?.breaker, opened()]).toEqual(['open', 1]);
    isDown = false;
    await jest.advanceTimersByTimeAsync(1_000);
    await films.ask([1]);
    expect([films.stats().sources[0]?.breaker, opened()]).toEqual(['closed', 1]);
    isDown = true;
    for (let i = 0; i < 4; i++) await films.ask([i]);
    expect([films.stats().sources[0]?.breaker, opened()]).toEqual(['open', 2]);
  });

  it('counts an error that is an answer as a success: few failures among many of them do not open it', async () => {
    const films = chain(
      async (_context, id) => {
        if (id % 5 === 0) throw new Error('down');
        throw new NotFoundException();
      },
      async () => 'copy',
      { breaker: { calls: 20, minimum: 4 } },
    );
    for (let id = 1; id <= 40; id++) await failure(films.ask([id]));
    expect(films.stats().sources[0]).toMatchObject({ breaker: 'closed', refused: 0, failures: 8, successes: 32 });
  });

  it('counts what a chain within the source did not ask for as a failure of the source', async () => {
    const inner = chain(down, down, { breaker, sources: [{ name: 'primary', load: down, breaker }] });
    for (let i = 0; i < 4; i++) await failure(inner.ask([i]));
    const primary = jest.fn<Load>(async (_context, id) => (await inner.ask([id])).value);
    const films = chain(primary, async () => 'copy', { breaker });
    for (let i = 0; i < 6; i++) expect((await films.ask([i])).source).toBe('replica');
    expect(primary).toHaveBeenCalledTimes(4);
    expect(films.stats().sources[0]).toMatchObject({ breaker: 'open', refused: 2 });
  });

  it('can be switched off', async () => {
    const primary = jest.fn(down);
    const films = chain(primary, async () => 'copy', { breaker: false });
    for (let i = 0; i < 30; i++) await films.ask([i]);
    expect(primary).toHaveBeenCalledTimes(30);
  });

  it('is none of the last backup: whoever comes last is asked in any case', async () => {
    let copies = false;
    const films = chain(down, async (context, id) => (copies ? 'copy' : down(context, id)), { breaker });
    for (let i = 0; i < 10; i++) await failure(films.ask([i]));
    copies = true;
    expect((await films.ask([1])).value).toBe('copy');
    expect(films.stats().sources).toMatchObject([{ breaker: 'open' }, { breaker: 'closed', failures: 10 }]);
  });

  it('rejects with an error for 503 when it is open and nobody else answers', async () => {
    const films = chain(down, down, { breaker });
    for (let i = 0; i < 4; i++) await failure(films.ask([i]));
    const error = await failure(films.ask([1]));
    expect(error).toBeInstanceOf(SourceUnavailableError);
    expect(error).toMatchObject({ status: 503, reason: 'open', cause: expect.any(AllSourcesFailedError) });
  });
});

describe('the concurrency limit of a source', () => {
  it('runs as many calls as allowed, lets some wait, and sends the others to the backup at once', async () => {
    let running = 0;
    let most = 0;
    const films = chain(
      async (context, id) => {
        most = Math.max(most, ++running);
        await late(100, '')(context, id);
        running--;
        return 'film';
      },
      async () => 'copy',
      { concurrency: { concurrency: 3, queue: 4 } },
    );
    const answers = await during(Promise.all(Array.from({ length: 20 }, (_, id) => films.ask([id]))), 1_000);
    expect(most).toBe(3);
    expect(answers.filter(({ source }) => source === 'primary')).toHaveLength(7);
    expect(films.stats().sources[0]).toMatchObject({ refused: 13, failures: 0, breaker: 'closed' });
  });
});

describe('hedging', () => {
  it('asks the backup too when the primary is slower than its own 95 %, and aborts the loser', async () => {
    let delay = 10;
    let aborted = 0;
    const films = chain(
      ({ signal }, id) => {
        signal.addEventListener('abort', () => aborted++);
        return late(delay, `film ${id}`)({ signal } as never, id);
      },
      late(5, 'copy'),
      { hedge: true },
    );
    for (let i = 0; i < 20; i++) expect((await during(films.ask([i]), 10)).source).toBe('primary');
    delay = 5_000;
    const answer = await during(films.ask([1]), 15);
    expect(answer).toMatchObject({ value: 'copy', source: 'replica', failures: [], attempts: 2 });
    expect(aborted).toBe(1);
    expect(films.stats().sources[0]).toMatchObject({ cancelled: 1, failures: 0, latency: { p95: 10 } });
    await jest.advanceTimersByTimeAsync(5_000);
  });

  it('asks nobody else while it does not know how fast the primary is', async () => {
    const backup = jest.fn<Load>(async () => 'copy');
    const films = chain(late(900, 'film'), backup, { hedge: true });
    expect((await during(films.ask([1]), 900)).value).toBe('film');
    expect(backup).not.toHaveBeenCalled();
  });

  it('waits a fixed time if told so, and the primary may still win', async () => {
    const films = chain(late(60, 'film'), late(50, 'copy'), { hedge: { after: '50ms' } });
    expect(await during(films.ask([1]), 100)).toMatchObject({ value: 'film', source: 'primary', attempts: 2 });
    expect(films.stats().sources[1]).toMatchObject({ cancelled: 1 });
  });

  it('goes on to the next one when both of them fail', async () => {
    const films = new SourceChain<[], string>({
      name: 'three',
      hedge: { after: 10 },
      sources: [
        { name: 'a', load: hangs as never, timeout: 100 },
        { name: 'b', load: down as never },
        { name: 'c', load: async () => 'last' },
      ],
    });
    expect(await during(films.ask([]), 200)).toMatchObject({ source: 'c' });
  });

  it.each([
    ['', undefined],
    [', whatever shouldHandle says of errors', (error: unknown) => error instanceof TypeError],
  ])(
    'lets a primary that loses again and again be slow too often: its breaker opens%s',
    async (_what, shouldHandle) => {
      let hanging = false;
      const films = chain(
        (context, id) => (hanging ? hangs(context, id) : late(10, 'film')(context, id)),
        late(5, 'copy'),
        {
          hedge: true,
          breaker: { calls: 20, minimum: 10 },
          ...(shouldHandle && { shouldHandle }),
        },
      );
      for (let i = 0; i < 20; i++) await during(films.ask([i]), 10);
      hanging = true;
      for (let i = 0; i < 11; i++) expect((await during(films.ask([i]), 15)).source).toBe('replica');
      expect(films.stats().sources[0]).toMatchObject({ breaker: 'open', cancelled: 11, timeouts: 0 });
    },
  );

  it('does not hold it against a primary that its backup was faster now and then', async () => {
    let calls = 0;
    const films = chain((context, id) => late(++calls % 10 === 0 ? 500 : 10, 'film')(context, id), late(1, 'copy'), {
      hedge: { after: 20 },
    });
    for (let i = 0; i < 100; i++) await during(films.ask([i]), 25);
    expect(films.stats().sources[0]).toMatchObject({ breaker: 'closed', cancelled: 10 });
  });

  it('does not abort the call that finds out whether the primary is back', async () => {
    let isDown = true;
    const films = chain(
      (context, id) => (isDown ? down(context, id) : late(100, 'film')(context, id)),
      late(1, 'copy'),
      {
        hedge: { after: 10 },
        breaker: { calls: 2, minimum: 2, halfOpenAfter: 1_000 },
      },
    );
    for (let i = 0; i < 2; i++) await during(films.ask([i]), 5);
    await jest.advanceTimersByTimeAsync(1_000);
    isDown = false;
    expect((await during(films.ask([1]), 20)).source).toBe('replica');
    await jest.advanceTimersByTimeAsync(100);
    expect(films.stats().sources[0]).toMatchObject({ breaker: 'closed', cancelled: 0 });
  });
});
