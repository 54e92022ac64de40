import { CacheOptionsError, type OptionProblem } from '../cache.errors.js';
import { checkTags, type LoadOptions } from '../engine/policy.js';
import { configOf } from './metadata.js';
import type { StoringOptions } from './types.js';

/** Tags made from the arguments of a call. */
export type TagFunction = (args: unknown[]) => readonly string[];

/** The options of a decorator and its class for what is stored; tags that depend on the call are left out. */
export function entryOptions(options: StoringOptions<never[]>, owner: Function): LoadOptions {
  const { keyPrefix, cache, ...config } = configOf(owner);
  const { ttl, grace, policy, hardTimeout, cacheNull, tags } = options;
  const own = { ttl, grace, policy, hardTimeout, cacheNull };
  const said = Object.fromEntries(Object.entries(own).filter(([, value]) => value !== undefined)) as LoadOptions;
  const fixed = [...(config.tags ?? []), ...(typeof tags === 'function' ? [] : (tags ?? []))];
  return { ...config, ...said, tags: fixed };
}

export function tagFunction({ tags }: StoringOptions<never[]>): TagFunction | undefined {
  if (typeof tags !== 'function') return undefined;
  return (args) => {
    const problems: OptionProblem[] = [];
    const checked = checkTags(tags(...(args as never[])), problems);
    if (problems.length > 0) throw new CacheOptionsError(problems, 'A tags function of a decorator is wrong');
    return checked;
  };
}
