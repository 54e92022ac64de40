import type { Milliseconds } from '../../engine/duration.js';
import type { RemoteServer } from '../../tiers/tier.js';
import type { KeyRecipe, PopularKey, PopularKeys, Told } from './popular-keys.js';
import { AGE, LEARN } from './scripts.js';

/** So many keys per command: Redis does nothing else meanwhile. */
const AT_ONCE = 200;

/** After so many times what Redis should know already is told again. */
const TELL_AGAIN = 60;

/** What the processes of a cluster were asked for, together. */
export interface Popularity {
  /** Tells what this process was asked for. */
  publish(): Promise<void>;
  /** So much time has passed; by the process that leads. */
  age(by: Milliseconds): Promise<void>;
  /** The most popular keys, best first. */
  top(): Promise<PopularKey[]>;
}

/** Without Redis a process knows what it was asked for itself, since its start. */
export class OwnPopularity implements Popularity {
  constructor(private readonly keys: PopularKeys) {}

  async publish(): Promise<void> {}

  async age(): Promise<void> {}

  async top(): Promise<PopularKey[]> {
    return this.keys.top();
  }
}

/** In Redis: a sorted set of counts, and the recipes. It survives restarts, deploys and `clear`. */
export class SharedPopularity implements Popularity {
  private readonly names: readonly [string, string];
  private published = 0;

  constructor(
    private readonly keys: PopularKeys,
    private readonly server: RemoteServer,
    namespace: string,
    private readonly size: number,
    private readonly halfLife: Milliseconds,
  ) {
    // One hash tag: in a cluster a script can use both.
    this.names = [`{${namespace}:j}:popular`, `{${namespace}:j}:recipes`];
  }

  async publish(): Promise<void> {
    if (++this.published % TELL_AGAIN === 0) this.keys.tellRecipesAgain();
    const told = this.keys.takeUntold();
    for (let from = 0; from < told.length; from += AT_ONCE) {
      const some = told.slice(from, from + AT_ONCE);
      try {
        await this.server.run(LEARN, this.names, [this.size, ...some.flatMap(asArguments)]);
      } catch (error) {
        this.keys.putBack(told.slice(from));
        throw error;
      }
    }
  }

  async age(by: Milliseconds): Promise<void> {
    await this.server.run(AGE, this.names, [2 ** (-by / this.halfLife), this.size]);
  }

  async top(): Promise<PopularKey[]> {
    const [scores, recipes] = this.names;
    const answer = (await this.server.send('ZRANGE', [scores, 0, this.size - 1, 'REV', 'WITHSCORES'])) as unknown[];
    const flat = answer.flat(); // pairs, in the newer protocol
    const found: PopularKey[] = [];
    for (let i = 0; i < flat.length; i += 2) {
      found.push({ key: String(flat[i]), count: Number(String(flat[i + 1])), recipe: undefined });
    }
    for (let from = 0; from < found.length; from += AT_ONCE) {
      const some = found.slice(from, from + AT_ONCE);
      const texts = (await this.server.send('HMGET', [recipes, ...some.map(({ key }) => key)])) as (Buffer | null)[];
      some.forEach((one, i) => {
        one.recipe = recipeOf(texts[i]);
      });
    }
    return found;
  }
}

function asArguments({ key, count, recipe }: Told): (string | number)[] {
  return [key, count, recipe ? JSON.stringify([recipe.call, recipe.args]) : ''];
}

function recipeOf(text: Buffer | null | undefined): KeyRecipe | undefined {
  try {
    const [call, args] = JSON.parse(text?.toString('utf8') ?? '[]') as unknown[];
    return typeof call === 'string' && typeof args === 'string' ? { call, args } : undefined;
  } catch {
    return undefined; // none of ours
  }
}
