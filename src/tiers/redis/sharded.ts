import { type Script, script } from './script.js';

const sharded = new WeakMap<Script, Script>();

/** A script that tells on a sharded channel what it changes. */
export function shardedForm(plain: Script): Script {
  let found = sharded.get(plain);
  if (!found) {
    found = script(plain.source.replaceAll("'PUBLISH'", "'SPUBLISH'"));
    sharded.set(plain, found);
  }
  return found;
}

/** Tells something that no script has changed. A script, because a client puts its key prefix before the channel of SPUBLISH. */
export const SHARDED_TELL = script(`
redis.call('SPUBLISH', ARGV[1], ARGV[2])
return 1`);
