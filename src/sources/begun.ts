import { Observable, type Subscriber, type Subscription } from 'rxjs';

/** Has no values; its error is the reason of the signal. */
export function aborted(signal: AbortSignal): Observable<never> {
  return new Observable((subscriber) => {
    const stop = (): void => subscriber.error(signal.reason);
    if (signal.aborted) return stop();
    signal.addEventListener('abort', stop, { once: true });
    return () => signal.removeEventListener('abort', stop);
  });
}

/**
 * Subscribes, and resolves when the first value (or the end) is there: from then on the observable counts as an answer. Resolves
 * with an observable of all its values, for one subscriber; rejects if there is an error before the first value.
 */
export function begun<T>(source: Observable<T>, signal: AbortSignal): Promise<Observable<T>> {
  if (signal.aborted) return Promise.reject(signal.reason);
  return new Promise((resolve, reject) => {
    const early: ((subscriber: Subscriber<T>) => void)[] = [];
    let reader: Subscriber<T> | undefined;
    let subscription: Subscription | undefined;
    let failed = false;
    const pass = (tell: (subscriber: Subscriber<T>) => void): void => {
      if (reader) tell(reader);
      else early.push(tell);
    };
    const answer = new Observable<T>((subscriber) => {
      for (const tell of early.splice(0)) tell(subscriber);
      reader = subscriber;
      return () => subscription?.unsubscribe();
    });
    let started = false;
    const start = (): void => {
      if (started) return;
      started = true;
      signal.removeEventListener('abort', stop);
      resolve(answer);
    };
    subscription = source.subscribe({
      next: (value) => {
        pass((subscriber) => subscriber.next(value));
        start();
      },
      complete: () => {
        pass((subscriber) => subscriber.complete());
        start();
      },
      error: (error: unknown) => {
        if (!started) {
          failed = true;
          signal.removeEventListener('abort', stop);
          reject(error);
        }
        pass((subscriber) => subscriber.error(error));
      },
    });
    function stop(): void {
      subscription?.unsubscribe();
      reject(signal.reason);
    }
    if (!started && !failed) signal.addEventListener('abort', stop, { once: true });
  });
}
