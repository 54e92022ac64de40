import type { Codec } from './codec.js';
import type { EncodedKey } from './key.js';
import type { LoadContext } from './load-context.js';
import type { LoadOptions, ResolvedPolicy } from './policy.js';
import type { Values } from './value.js';
import type { Wanted } from './watch.js';

/** Loads the value of a key that begins with the loader's prefix. */
export type KeyLoader = (key: EncodedKey, context: LoadContext<never>) => unknown;

/** How the keys of one prefix are loaded. */
export interface PrefixLoader {
  load: KeyLoader;
  policy: ResolvedPolicy;
}

/** Most bytes of the arguments that a recipe keeps. */
const MAX_BYTES = 2_048;

/** How values can be loaded again without a caller: what a cache knows of it. */
export class Warming {
  readonly wanted: Wanted = { key: undefined };
  private readonly loaders = new Map<string, PrefixLoader>();

  constructor(
    private readonly values: Values,
    /** JSON, not compressed, of no schema: recipes outlive a deploy. */
    private readonly codec: Codec,
    private readonly policyOf: (options: LoadOptions | undefined) => ResolvedPolicy,
  ) {}

  /** The answer takes it back. */
  addLoader(prefix: string, load: KeyLoader, options: LoadOptions | undefined): () => void {
    const loader = { load, policy: this.policyOf(options) };
    this.loaders.set(prefix, loader);
    return () => {
      if (this.loaders.get(prefix) === loader) this.loaders.delete(prefix);
    };
  }

  /** That of the longest prefix. */
  loaderOf(key: EncodedKey): PrefixLoader | undefined {
    let best: string | undefined;
    for (const prefix of this.loaders.keys()) {
      if (key.startsWith(prefix) && (best === undefined || prefix.length > best.length)) best = prefix;
    }
    return best === undefined ? undefined : this.loaders.get(best);
  }

  /** Arguments as text; `undefined` if they are no data, or too much. */
  encode(args: readonly unknown[]): string | undefined {
    try {
      const { payload, tagged } = this.codec.encode(this.values.snapshot(args));
      const text = `${tagged ? 't' : 'p'}${payload}`;
      return text.length > MAX_BYTES ? undefined : text;
    } catch {
      return undefined; // a function, a request, a class that is not registered
    }
  }

  /** Throws `CacheEntryError` for a text that is none of ours. */
  decode(text: string): unknown[] {
    const { profile } = this.codec;
    const stored = { profile, tagged: text.startsWith('t'), compressed: false, payload: Buffer.from(text.slice(1)) };
    const args = this.codec.decode(stored);
    return Array.isArray(args) ? args : [args];
  }
}
