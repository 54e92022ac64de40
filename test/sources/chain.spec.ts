import { describe, expect, it, jest } from '@jest/globals';
import {
  AllSourcesFailedError,
  CacheOptionsError,
  SourceChain,
  SourceTimeoutError,
  SourceUnavailableError,
} from '../../src/index.js';
import { chain, down, during, failure, hangs, type Load, useFakeTime } from './rig.js';

useFakeTime();

describe('a chain of sources', () => {
  it('asks the primary first, and says so', async () => {
    const films = chain(async (_context, id) => `film ${id}`, down);
    const answer = await films.ask([7]);
    expect(answer).toMatchObject({ value: 'film 7', source: 'primary', backup: false, attempts: 1, failures: [] });
    expect(films.stats().sources.map(({ successes }) => successes)).toEqual([1, 0]);
  });

  it('asks the backup when the primary fails, and tells why', async () => {
    const films = chain(down, async () => 'copy');
    const answer = await films.ask([7], { requestId: 'r1' });
    expect(answer).toMatchObject({ value: 'copy', source: 'replica', backup: true, attempts: 2, requestId: 'r1' });
    expect(answer.failures).toMatchObject([{ source: 'primary', attempts: 1, error: { message: 'down' } }]);
    expect(films.stats()).toMatchObject({ fallbacks: 1, failures: 0 });
  });

  it('gives all sources the id of the request and a signal', async () => {
    const seen: unknown[] = [];
    const look: Load = (context) => {
      seen.push([context.source, context.requestId, context.attempt, context.signal.aborted]);
      throw new Error('no');
    };
    await failure(chain(look, look).ask([1], { requestId: 'abc' }));
    expect(seen).toEqual([
      ['primary', 'abc', 1, false],
      ['replica', 'abc', 1, false],
    ]);
  });

  it('takes an error on which shouldHandle throws for a failure', async () => {
    const shouldHandle = (error: unknown): boolean => (error as { response: { status: number } }).response.status > 499;
    const films = chain(down, async () => 'copy', { shouldHandle });
    expect(await films.ask([7])).toMatchObject({ value: 'copy', failures: [{ error: { message: 'down' } }] });
    expect(await failure(chain(down, down, { shouldHandle }).ask([7]))).toMatchObject({ message: 'down' });
    const retried = chain(down, async () => 'copy', { shouldHandle, retry: 1 });
    expect(await during(retried.ask([7]), 1_000)).toMatchObject({ value: 'copy', attempts: 3 });
  });

  it('rejects with the error of the primary, which says in its cause what all of them did', async () => {
    const films = chain(down, async () => {
      throw new TypeError('also');
    });
    const error = await failure(films.ask([7]));
    expect(error).toMatchObject({ message: 'down' });
    const { cause } = error as Error;
    expect(cause).toBeInstanceOf(AllSourcesFailedError);
    expect((cause as AllSourcesFailedError).failures.map(({ source }) => source)).toEqual(['primary', 'replica']);
    expect(AllSourcesFailedError.of(error)).toBe(cause);
    expect(films.stats().failures).toBe(1);
  });

  it.each([
    ['has a cause of its own', new Error('down', { cause: 'disk' })],
    ['is frozen', Object.freeze(new Error('down'))],
  ])('leaves an error that %s as it is, and still finds the failures by it', async (_what, given) => {
    const error = await failure(
      chain(async () => {
        throw given;
      }, down).ask([1]),
    );
    expect(error).toBe(given);
    expect(AllSourcesFailedError.of(error)?.failures).toHaveLength(2);
    expect((error as Error).cause).toBe((given as Error).cause);
  });

  it('takes errors that are answers for answers: neither a backup nor the breaker hears of them', async () => {
    const backup = jest.fn<Load>(async () => 'copy');
    const missing = Object.assign(new Error('no such film'), { status: 404 });
    const films = chain(
      async () => {
        throw missing;
      },
      backup,
      { breaker: { calls: 1, minimum: 1 } },
    );
    for (let i = 0; i < 3; i++) expect(await failure(films.ask([1]))).toBe(missing);
    expect(missing.cause).toBeUndefined();
    expect(backup).not.toHaveBeenCalled();
    expect(films.stats().sources[0]).toMatchObject({ breaker: 'closed', failures: 0, successes: 3 });
  });

  it('asks whom it was told to for the errors it was told of', async () => {
    const films = chain(down, async () => 'copy', { shouldHandle: () => false });
    expect(await failure(films.ask([1]))).toMatchObject({ message: 'down' });
  });

  it('gives up a source after its timeout, tells it by its signal, and goes on', async () => {
    let signal: AbortSignal | undefined;
    const films = chain(
      (context, id) => {
        signal = context.signal;
        return hangs(context, id);
      },
      async () => 'copy',
      { timeout: '200ms' },
    );
    const work = films.ask([1]);
    await jest.advanceTimersByTimeAsync(199);
    expect(signal?.aborted).toBe(false);
    const answer = await during(work, 1);
    expect(answer.value).toBe('copy');
    expect(answer.failures[0]?.error).toBeInstanceOf(SourceTimeoutError);
    expect(signal?.aborted).toBe(true);
    expect(films.stats().sources[0]).toMatchObject({ timeouts: 1, failures: 1, inFlight: 0 });
  });

  it('does not abort what an answer may still be read from', async () => {
    let signal: AbortSignal | undefined;
    await chain(async (context) => {
      signal = context.signal;
      return 'stream';
    }, down).ask([1]);
    await jest.advanceTimersByTimeAsync(60_000);
    expect(signal?.aborted).toBe(false);
  });

  it('tries again after delays that grow, at random, before it asks the next one', async () => {
    const times: number[] = [];
    const start = Date.now();
    const films = chain(
      async () => {
        times.push(Date.now() - start);
        throw new Error('down');
      },
      async () => 'copy',
      { retry: { times: 3, delay: '100ms', maxDelay: '300ms' } },
    );
    const answer = await during(films.ask([1]), 1_000);
    expect(times).toEqual([0, 50, 150, 300]); // half of 100, 200 and 300
    expect(answer).toMatchObject({ source: 'replica', attempts: 5 });
    expect(films.stats().sources[0]).toMatchObject({ retries: 3, failures: 4 });
  });

  it('ends when its caller does not want the answer any more', async () => {
    const abort = new AbortController();
    const backup = jest.fn<Load>(async () => 'copy');
    const films = chain(hangs, backup);
    const work = failure(films.ask([1], { signal: abort.signal }));
    abort.abort(new Error('gone'));
    expect(await work).toMatchObject({ message: 'gone' });
    await jest.advanceTimersByTimeAsync(0);
    expect(backup).not.toHaveBeenCalled();
    expect(films.stats().sources[0]).toMatchObject({ cancelled: 1, failures: 0, inFlight: 0 });
  });
});

describe('1,000 calls at once of a source that is limited to 10', () => {
  it('all get an answer or a clear error, and nothing is left behind', async () => {
    const films = new SourceChain<[id: number], number>({
      name: 'films',
      sources: [
        {
          name: 'only',
          concurrency: { concurrency: 10, queue: 100 },
          timeout: '1s',
          load: async (_context, id) => {
            await new Promise((resolve) => setTimeout(resolve, 10));
            return id;
          },
        },
      ],
    });
    const abort = new AbortController();
    const all = Promise.allSettled(Array.from({ length: 1_000 }, (_, id) => films.ask([id], { signal: abort.signal })));
    const settled = await during(all, 6_000); // the queue has one timer for all deadlines, which ends by itself
    const refused = settled.filter((one) => one.status === 'rejected');
    expect(settled).toHaveLength(1_000);
    expect(refused).toHaveLength(890);
    expect(refused.every(({ reason }) => reason instanceof SourceUnavailableError && reason.reason === 'full')).toBe(
      true,
    );
    expect(jest.getTimerCount()).toBe(0);
    expect(films.stats().sources[0]).toMatchObject({ inFlight: 0, successes: 110 });
  });
});

describe('options of a chain', () => {
  it('are checked at once, all of them', () => {
    const wrong = (): unknown =>
      new SourceChain({
        name: 'load',
        timeout: 'soon',
        hedge: 'yes',
        retry: -1,
        backupTtl: 0,
        breaker: { threshold: 2, minimun: 3 },
        sources: [
          { name: 'a', load: down, concurrency: 0 },
          { name: 'a', load: 'x' },
        ],
      } as never);
    expect(wrong).toThrow(CacheOptionsError);
    try {
      wrong();
    } catch (error) {
      const options = (error as CacheOptionsError).problems.map(({ option }) => option);
      for (const option of [
        'name',
        'hedge',
        'backupTtl',
        'sources[0].timeout',
        'sources[0].retry',
        'sources[0].breaker.threshold',
        'sources[0].breaker.minimun',
        'sources[0].concurrency',
        'sources[1].name',
        'sources[1].load',
      ]) {
        expect(options).toContain(option);
      }
    }
  });

  it('need a source', () => {
    expect(() => new SourceChain({ name: 'none', sources: [] })).toThrow(/Pass an array/);
  });
});
