import { script } from '../../tiers/redis/script.js';

/** For how long what was learned stays when nobody tells anything new: a month in ms. */
const KEPT = 30 * 86_400_000;

/** Removes names from both keys: `unpack` takes only so many at once. */
const forget = `
local function forget(names)
  for from = 1, #names, 500 do
    local some = {}
    for i = from, math.min(from + 499, #names) do some[#some + 1] = names[i] end
    redis.call('ZREM', KEYS[1], unpack(some))
    redis.call('HDEL', KEYS[2], unpack(some))
  end
end`;

/**
 * LEARN: adds what a process was asked for to what all are. KEYS: scores, recipes. ARGV: most keys; then for each key its name,
 * count and recipe ('' if there is nothing new to say of it).
 */
export const LEARN = script(`${forget}
for i = 2, #ARGV, 3 do
  redis.call('ZINCRBY', KEYS[1], ARGV[i + 1], ARGV[i])
  if ARGV[i + 2] ~= '' then redis.call('HSET', KEYS[2], ARGV[i], ARGV[i + 2]) end
end
local more = redis.call('ZCARD', KEYS[1]) - 2 * tonumber(ARGV[1])
if more > 0 then forget(redis.call('ZRANGE', KEYS[1], 0, more - 1)) end
redis.call('PEXPIRE', KEYS[1], ${KEPT})
redis.call('PEXPIRE', KEYS[2], ${KEPT})
return 1`);

/**
 * AGE: makes what was learned weigh less, and forgets what hardly weighs anything. Done twice by mistake it only forgets sooner.
 * KEYS: scores, recipes. ARGV: factor, most keys.
 */
export const AGE = script(`${forget}
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
redis.call('ZUNIONSTORE', KEYS[1], 1, KEYS[1], 'WEIGHTS', ARGV[1])
forget(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', '(0.01'))
local more = redis.call('ZCARD', KEYS[1]) - tonumber(ARGV[2])
if more > 0 then forget(redis.call('ZRANGE', KEYS[1], 0, more - 1)) end
redis.call('PEXPIRE', KEYS[1], ${KEPT})
return 1`);
