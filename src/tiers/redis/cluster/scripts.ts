import { type Script, script } from '../script.js';

/**
 * ECHO in a cluster: says something to the own process, together with what the node takes itself for: its role, its slots, and those
 * on their way, as CLUSTER NODES has them. It writes, so a replica, or a master without a majority, refuses.
 * KEYS: a key of the process, if the master has a slot. ARGV: number of the call, life of the key in ms, channel.
 */
const echo = (publish: string): Script =>
  script(`
if KEYS[1] then redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2]) end
local id, flags, slots = string.match(
  redis.call('CLUSTER', 'NODES'),
  '(%x+) [^\\n]-(myself,%S+) %S+ %S+ %S+ %S+ %S+ ?([^\\r\\n]*)'
)
redis.call('${publish}', ARGV[3], ARGV[1] .. ' ' .. redis.sha1hex(id .. ' ' .. flags .. ' ' .. slots))
return 1`);

export const CLUSTER_ECHO = echo('SPUBLISH');

/** For a master that has no channel of its own. */
export const PLAIN_ECHO = echo('PUBLISH');
