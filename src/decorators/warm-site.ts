import type { Cache } from '../engine/cache.js';
import type { Milliseconds } from '../engine/duration.js';
import type { EncodedKey } from '../engine/key.js';
import { encodePart } from '../engine/key-part.js';
import type { Refreshed } from '../engine/loading-ahead.js';
import type { ResolvedPolicy } from '../engine/policy.js';

/** How a key is loaded again without a caller: the method, and the arguments as text. */
export interface Recipe {
  /** `Class.method`. */
  readonly call: string;
  readonly args: string;
}

/** `warm` of `@Cacheable`. */
export type WarmOption<Args extends readonly unknown[]> =
  | boolean
  | { always: readonly Args[] | (() => readonly Args[] | Promise<readonly Args[]>) };

/** Why a key cannot be loaded by a method. */
export type NotWarmed = 'no instance' | 'several' | 'condition' | 'other key';

/** What the decorator knows of its method. */
export interface WarmMethod {
  option: WarmOption<readonly unknown[]> | undefined;
  /** Its keys name all arguments. */
  defaultKey: boolean;
  policy: ResolvedPolicy;
  keyOf(args: readonly unknown[]): EncodedKey;
  holds(args: readonly unknown[]): boolean;
  refresh(instance: object, args: unknown[], key: EncodedKey, horizon: Milliseconds): Promise<Refreshed>;
}

/** A `@Cacheable` method of one class in one app, which can be called for its own sake. */
export class WarmSite {
  /** Of whom it is called. Absent where instances are made again and again. */
  instance: object | undefined;

  constructor(
    /** `Class.method`. */
    readonly name: string,
    readonly cache: Cache,
    private readonly method: WarmMethod,
  ) {}

  get policy(): ResolvedPolicy {
    return this.method.policy;
  }

  /** Whether what callers ask for is learned. */
  get learns(): boolean {
    return this.method.option !== false;
  }

  /** After each call: tells the watch how this key is loaded, if it wants to know. */
  tell(key: EncodedKey, args: readonly unknown[]): void {
    const { wanted, watch } = this.cache;
    if (wanted.key === key) watch?.told(key, this.recipeOf(key, args));
    wanted.key = undefined;
  }

  /** Arguments go to Redis only if the key shows them there already, or the method says that they may. */
  private recipeOf(key: EncodedKey, args: readonly unknown[]): Recipe | undefined {
    const { option, defaultKey } = this.method;
    if (option === false || this.instance === undefined) return undefined;
    if (option === undefined && !shows(key, args, defaultKey)) return undefined;
    const text = this.cache.warming.encode(args);
    return text === undefined ? undefined : { call: this.name, args: text };
  }

  /** The arguments that are always to be kept warm. */
  async always(): Promise<readonly (readonly unknown[])[]> {
    const { option } = this.method;
    if (typeof option !== 'object') return [];
    return typeof option.always === 'function' ? option.always() : option.always;
  }

  keyOf(args: readonly unknown[]): EncodedKey {
    return this.method.keyOf(args);
  }

  /**
   * Loads, unless what is there lives on for longer than `horizon`. `key`: what these arguments once belonged to. Another one now
   * means that the method has changed, or that its key depends on more than its arguments (on who is signed in).
   */
  async refresh(key: EncodedKey, args: unknown[], horizon: Milliseconds): Promise<Refreshed | NotWarmed> {
    const { instance, method } = this;
    if (instance === undefined) return 'no instance';
    // Both are the app's, and may need a request that is not there.
    if (!settled(() => method.holds(args))) return 'condition';
    if (settled(() => method.keyOf(args)) !== key) return 'other key';
    return method.refresh(instance, args, key, horizon);
  }
}

function settled<T>(ask: () => T): T | undefined {
  try {
    return ask();
  } catch {
    return undefined;
  }
}

/** Whether every argument stands in the key. What has no content of its own need not. */
function shows(key: EncodedKey, args: readonly unknown[], defaultKey: boolean): boolean {
  const parts = key.split(':');
  if (parts.at(-1)?.startsWith('~h')) return false;
  if (defaultKey) return true;
  return args.every((argument) => {
    if (argument === undefined || argument === null || typeof argument === 'boolean') return true;
    if (typeof argument !== 'string' && typeof argument !== 'number' && typeof argument !== 'bigint') return false;
    return parts.includes(encodePart(argument)) || parts.includes(String(argument));
  });
}
