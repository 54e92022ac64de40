import { CacheOptionsError, type OptionProblem } from '../cache.errors.js';
import { checkTags, type LoadOptions } from '../engine/policy.js';
import { configOf } from './metadata.js';
import type { StoringOptions } from './types.js';

/** Tags made from the arguments of a call. */
export type TagFunction = (args: unknown[]) => readonly string[];

/** The options of a decorator and its class for what is stored; tags that depend on the call are left out. */
export function entryOptions(options: StoringOptions<never[]>, owner: Function): LoadOptions {
  const { keyPrefix, cache, tags: classTags = [], ...config } = configOf(owner);
  const { ttl, grace, policy, softTimeout, hardTimeout, refreshAhead, staleOn, cacheNull, tags } = options;
  const own = { ttl, grace, policy, softTimeout, hardTimeout, refreshAhead, staleOn, cacheNull };
  const said = Object.fromEntries(Object.entries(own).filter(([, value]) => value !== undefined)) as LoadOptions;
  const lists = [classTags, typeof tags === 'function' || tags === undefined ? [] : tags];
  const wrong = lists.find((list) => !Array.isArray(list));
  // A method that names a policy means all of it: the class's ttl would take the place of the policy's otherwise.
  return { ...(policy === undefined && config), ...said, tags: wrong ?? lists.flat() };
}

export function tagFunction({ tags }: StoringOptions<never[]>, where: string): TagFunction | undefined {
  if (typeof tags !== 'function') return undefined;
  return (args) => checkedTags(tags(...(args as never[])), `The tags function in ${where} is wrong`);
}

/** What a function of the app gave as tags. */
export function checkedTags(tags: readonly string[], where: string): readonly string[] {
  const problems: OptionProblem[] = [];
  const checked = checkTags(tags, problems);
  if (problems.length > 0) throw new CacheOptionsError(problems, where);
  return checked;
}
