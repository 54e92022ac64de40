import { afterEach } from '@jest/globals';
import type { DynamicModule, ModuleMetadata, Type } from '@nestjs/common';
import { Test, type TestingModule } from '@nestjs/testing';
import { CacheOptionsError } from '../../src/index.js';

const running: { close(): Promise<void> }[] = [];

/** Has an app closed after the test, whatever becomes of the test. */
export function closeLater<App extends { close(): Promise<void> }>(app: App): App {
  running.push(app);
  return app;
}

afterEach(async () => {
  for (const app of running.splice(0)) await app.close();
});

/** A Nest app that has started: all hooks of the start have run. */
export async function startApp(metadata: ModuleMetadata): Promise<TestingModule> {
  const app = await Test.createTestingModule(metadata).compile();
  // Closed only if it starts: close() of Nest 11 rejects with the error of the start, and there should be nothing to close.
  return closeLater(await app.init());
}

/** The service of an app that has nothing else, started. */
export async function startWith<T>(cache: DynamicModule, service: Type<T>): Promise<T> {
  return (await startApp({ imports: [cache], providers: [service] })).get(service);
}

/** What an app that must not start says is wrong. */
export async function bootError(metadata: ModuleMetadata): Promise<CacheOptionsError> {
  const error: unknown = await startApp(metadata).catch((thrown: unknown) => thrown);
  if (error instanceof CacheOptionsError) return error;
  throw new Error('The app should not start because of a CacheOptionsError.', { cause: error });
}

/** A promise and its two ends. */
export function deferred<T>(): { promise: Promise<T>; resolve(value: T): void; reject(error: unknown): void } {
  let resolve!: (value: T) => void;
  let reject!: (error: unknown) => void;
  const promise = new Promise<T>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}
