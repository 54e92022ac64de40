import { describe, expect, it, jest } from '@jest/globals';
import { lastValueFrom, Observable, of, takeUntil } from 'rxjs';
import { aborted, begun } from '../../src/sources/begun.js';

const reason = new Error('not wanted');

describe('an Observable that is asked as a source', () => {
  it('is not subscribed to when its answer is not wanted any more', async () => {
    const subscribed = jest.fn<() => void>();
    const source = new Observable<string>(subscribed);
    await expect(begun(source, AbortSignal.abort(reason))).rejects.toBe(reason);
    await expect(lastValueFrom(source.pipe(takeUntil(aborted(AbortSignal.abort(reason)))))).rejects.toBe(reason);
    expect(subscribed).not.toHaveBeenCalled();
  });

  it('rejects with the reason when that happens later, and leaves no listener when it does not', async () => {
    const abort = new AbortController();
    const removed = jest.spyOn(abort.signal, 'removeEventListener');
    expect(await lastValueFrom(of('a').pipe(takeUntil(aborted(abort.signal))))).toBe('a');
    expect(removed).toHaveBeenCalledTimes(1);
    const waiting = lastValueFrom(new Observable<string>().pipe(takeUntil(aborted(abort.signal))));
    abort.abort(reason);
    await expect(waiting).rejects.toBe(reason);
  });
});
