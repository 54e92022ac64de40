import { ALL } from '../engine/epochs.js';
import type { EncodedKey } from '../engine/key.js';
import type { Observed, Watch } from '../engine/watch.js';
import type { ObservedKeys, Stored } from './advise/observed-keys.js';
import type { KeyRecipe, PopularKeys } from './popularity/popular-keys.js';

/** What the engine tells of one cache, handed to those who make something of it. */
export class CacheWatch implements Watch {
  constructor(
    private readonly popular: PopularKeys | undefined,
    private readonly observed: ObservedKeys | undefined,
    private readonly cleared: () => void,
  ) {}

  sampled(key: EncodedKey, weight: number): void {
    this.popular?.add(key, weight);
  }

  beyond(key: EncodedKey, kept: boolean): void {
    this.popular?.add(key, 1);
    if (kept) this.observed?.missed(key);
  }

  told(key: EncodedKey, recipe: KeyRecipe | undefined): void {
    this.popular?.tell(key, recipe);
  }

  observe(key: EncodedKey, entry: Stored): Observed | undefined {
    return this.observed?.stored(key, entry);
  }

  used(observed: Observed): void {
    this.observed?.used(observed);
  }

  evicted(key: EncodedKey): void {
    this.observed?.evicted(key);
  }

  changed(marker: string): void {
    this.observed?.changed(marker);
    if (marker === ALL) this.cleared();
  }
}
