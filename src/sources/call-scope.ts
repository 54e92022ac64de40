import { AsyncLocalStorage } from 'node:async_hooks';
import type { LoadContext, OpenLoad } from '../engine/load-context.js';
import type { Answer } from './attempts.js';
import type { SourceContext } from './source.js';

/** The request to a handler, for the fallback of its method. */
export interface HandlerRequest {
  requestId: string | undefined;
  /** What Nest injects as `REQUEST` into the providers that live as long as it. */
  readonly injected: object;
  /** Of these providers. */
  contextId(): unknown;
  /** The response went out: nobody else can answer any more. */
  isSent(): boolean;
  /** How it was answered; set by the method. */
  outcome: Outcome | undefined;
}

/** How a handler's call ended. `ttl`: of a stale answer, so not above 0. */
export type Outcome =
  | { path: 'source'; answer: Pick<Answer<unknown>, 'source' | 'backup' | 'failures'> }
  | { path: 'stale'; error: unknown }
  | { path: 'none'; error: unknown };

/** What the code that runs is part of. Passed along by Node, through any number of calls. */
interface Scope {
  readonly load?: OpenLoad | undefined;
  readonly request?: HandlerRequest | undefined;
  readonly source?: SourceContext | undefined;
}

const storage = new AsyncLocalStorage<Scope>();

/** Runs the loader of a cached method, so that fallbacks in it can say where its value comes from. */
export function inLoad<T>(load: LoadContext<never> | OpenLoad, work: () => T): T {
  const open = load as unknown as OpenLoad;
  const outer = storage.getStore()?.load;
  // What is loaded in the background is not what the load around it gets.
  return storage.run({ load: outer && !open.background ? within(outer, open) : open }, work);
}

/** The load of one cached method in that of another: what a backup gave makes both of them a backup's. */
function within(outer: OpenLoad, load: OpenLoad): OpenLoad {
  return {
    host: load.host,
    background: load.background,
    get signal() {
      return load.signal;
    },
    get requestId() {
      return load.requestId;
    },
    answered(answered) {
      load.answered(answered);
      outer.answered(answered);
    },
  };
}

export function inRequest<T>(request: HandlerRequest, work: () => T): T {
  return storage.run({ request }, work);
}

/** A source is asked: it knows its signal. What it calls is still part of the load, and not of the request. */
export function inSource<T>(source: SourceContext, work: () => T): T {
  return storage.run({ load: storage.getStore()?.load, source }, work);
}

export function currentLoad(): OpenLoad | undefined {
  return storage.getStore()?.load;
}

export function currentRequest(): HandlerRequest | undefined {
  return storage.getStore()?.request;
}

/**
 * What a method that is asked as a source (of `@Fallback`, `@UseFallback`) knows of its call: the signal that is aborted when its
 * answer is not wanted any more, its name, the attempt, the id of the request. `undefined` outside of such a call.
 */
export function currentSource(): SourceContext | undefined {
  return storage.getStore()?.source;
}
