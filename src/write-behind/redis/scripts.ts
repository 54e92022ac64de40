import { script } from '../../tiers/redis/script.js';

// Each script works on one shard, whose keys share a hash tag. Their order in KEYS, wherever a script needs them:
//   1 due       sorted set: dirty key -> when it is due, in ms
//   2 versions  hash: dirty key -> version
//   3 payloads  hash: dirty key -> operation (one letter, u or d) and payload
//   4 attempts  hash: dirty key -> failed attempts ':' when it first waited for another row
//   5 meta      hash: shards, last (version), bytes, armed, owner, until, epoch, marked, flushed
//   6 letters   hash: key -> dead letter
// and then `cached` keys, one for each row: 16 characters of version, then like a payload; the version alone is a hold.
//
// Time is the server's only. Scripts that make room are allowed to run when the memory is full, or it could never drain.

const time = `
local clock = redis.call('TIME')
local micros = clock[1] * 1000000 + clock[2]
local now = math.floor(micros / 1000)`;

/** What a key costs besides its own bytes and those of its payload. */
const sizes = `
local function sizeOf(key, length) return 2 * #key + length + 96 end`;

/**
 * Nothing is planned for later than this. A time further ahead was written before the server's clock was set back, and
 * counts as over: waiting for it could take hours.
 */
const LONGEST_PLAN = 120_000;

const ALLOW_OOM = '#!lua flags=allow-oom\n';

/**
 * MARK: takes writes. All of a write takes effect or nothing; it is never refused for a key that is dirty already. The
 * cached row is replaced in the same step, so no reader finds an older one, and no load under way can store one. \`NX\`: a
 * hot key cannot postpone its own flush. Nobody has to wake if somebody was told to come as soon as this write needs it, and
 * is not overdue.
 * KEYS: 1-6, then cached for each write. ARGV: shards, delay, grace, maxEntries, maxBytes, batchSize, cacheTtl, then for
 * each write key, payload, expected state or '', version of the cached row, urgent (1 or 0). After the version of the cached
 * row comes what stands in that row before the version of the write, if rows have it: see row-version.ts.
 * Answers for each write its version, '' (full) or '-' (conflict); then who has to wake: no, later, now.
 */
export const MARK = script(`${time}${sizes}
local meta = redis.call('HMGET', KEYS[5], 'shards', 'last', 'bytes', 'armed')
if meta[1] and meta[1] ~= ARGV[1] then return redis.error_reply('SHARDS ' .. meta[1]) end
local delay, batchSize, ttl = tonumber(ARGV[2]), tonumber(ARGV[6]), tonumber(ARGV[7])
local last, bytes = tonumber(meta[2] or 0), tonumber(meta[3] or 0)
local before = redis.call('HLEN', KEYS[2])
local dirty, letters = before, redis.call('HLEN', KEYS[6])
local answers, marked, hurry = {}, 0, false
for i = 1, #KEYS - 6 do
  local at = 7 + 5 * (i - 1)
  local key, payload, expected, urgent = ARGV[at + 1], ARGV[at + 2], ARGV[at + 3], ARGV[at + 5] == '1'
  local cached, version = KEYS[6 + i], redis.call('HGET', KEYS[2], key)
  local size = sizeOf(key, #payload)
  local state = expected ~= '' and (version and 'v' .. version or 'c' .. redis.call('GETRANGE', cached, 0, 15))
  if expected ~= '' and state ~= expected then
    answers[i] = '-'
  elseif not version and (dirty + letters >= tonumber(ARGV[4]) or bytes + size > tonumber(ARGV[5])) then
    answers[i] = ''
  else
    last = math.max(last + 1, micros)
    answers[i] = string.format('%.0f', last)
    redis.call('HSET', KEYS[2], key, answers[i])
    if version then bytes = bytes - sizeOf(key, redis.call('HSTRLEN', KEYS[3], key)) else dirty = dirty + 1 end
    redis.call('HSET', KEYS[3], key, payload)
    bytes = bytes + size
    if urgent then
      redis.call('HDEL', KEYS[4], key)
      redis.call('ZADD', KEYS[1], 'LT', now, key)
    elseif redis.call('HDEL', KEYS[4], key) == 1 then
      redis.call('ZADD', KEYS[1], now + delay, key)
    else
      redis.call('ZADD', KEYS[1], 'NX', now + delay, key)
    end
    if ttl > 0 then
      local copy = ARGV[at + 4] .. payload
      if #ARGV[at + 4] > 16 then
        local head, label = string.sub(ARGV[at + 4], 1, 16), string.sub(ARGV[at + 4], 17)
        copy = head .. string.sub(payload, 1, -2) .. label .. answers[i] .. '"}'
      end
      redis.call('SET', cached, copy, 'PX', ttl)
    else
      redis.call('UNLINK', cached)
    end
    marked, hurry = marked + 1, hurry or urgent
  end
end
local wake = 'no'
if marked > 0 then
  redis.call('HSET', KEYS[5], 'shards', ARGV[1], 'last', string.format('%.0f', last), 'bytes', bytes)
  redis.call('HINCRBY', KEYS[5], 'marked', marked)
  if hurry or (before < batchSize and dirty >= batchSize) then
    wake = 'now'
    redis.call('HSET', KEYS[5], 'armed', now + tonumber(ARGV[3]))
  else
    local armed, grace = tonumber(meta[4] or 0), tonumber(ARGV[3])
    if armed < now or armed > now + delay + grace then
      wake = 'later'
      redis.call('HSET', KEYS[5], 'armed', now + delay + grace)
    end
  end
end
answers[#answers + 1] = wake
return answers`);

/**
 * READ: what is known of keys. Where nothing is, a hold is placed before the database is asked: with its version the
 * answer may be stored, unless somebody wrote meanwhile. A memory too full for the hold is no reason to fail a read.
 * KEYS: versions, payloads, then cached for each key. ARGV: life of holds, then for each key the key and a new version.
 * Answers for each key what it is (p pending, c cached, h hold, x nothing), its version, its payload.
 */
export const READ = script(`
local answers = {}
for i = 1, #KEYS - 2 do
  local key, cached = ARGV[2 * i], KEYS[2 + i]
  local version = redis.call('HGET', KEYS[1], key)
  local kind, state, payload = 'p', version, ''
  if version then
    payload = redis.call('HGET', KEYS[2], key)
  else
    local found = redis.call('GET', cached)
    if found and #found >= 16 then
      kind, state, payload = #found > 16 and 'c' or 'h', string.sub(found, 1, 16), string.sub(found, 17)
    else
      local placed = redis.pcall('SET', cached, ARGV[2 * i + 1], 'PX', ARGV[1])
      kind, state = placed.ok and 'h' or 'x', ARGV[2 * i + 1]
    end
  end
  answers[3 * i - 2], answers[3 * i - 1], answers[3 * i] = kind, state, payload
end
return answers`);

/**
 * CLAIM: the right to flush the shard, for one owner at a time, and what to flush. Removes nothing. A lease that ended,
 * or changes its owner, gets a new epoch: higher than the one before, and at least the time in µs, so that no two owners
 * get the same one from a Redis that has lost its memory. A limit of 0 renews: only for the owner who claimed last, for
 * whom what was claimed before still is the newest.
 * `ahead` is not for those that wait after a refusal: coming sooner would only use up their attempts.
 * KEYS: 1-5. ARGV: owner, lease, limit, ahead, least epoch, most bytes.
 * Answers 0 if it is refused; or 1, the epoch, and for each write key, version, payload.
 */
export const CLAIM = script(`${ALLOW_OOM}${time}
local meta = redis.call('HMGET', KEYS[5], 'owner', 'until', 'epoch')
if ARGV[3] == '0' and meta[1] ~= ARGV[1] then return { 0 } end
local free = tonumber(meta[2] or 0) <= now or tonumber(meta[2]) > now + ${LONGEST_PLAN}
if not free and meta[1] ~= ARGV[1] then return { 0 } end
local epoch = tonumber(meta[3] or 0)
if free or meta[1] ~= ARGV[1] then epoch = math.max(epoch + 1, micros) end
epoch = math.max(epoch, tonumber(ARGV[5]))
redis.call('HSET', KEYS[5], 'owner', ARGV[1], 'until', now + tonumber(ARGV[2]), 'epoch', string.format('%.0f', epoch))
local answer, bytes = { 1, string.format('%.0f', epoch) }, 0
if ARGV[3] == '0' then return answer end
local failing = redis.call('EXISTS', KEYS[4]) == 1
local found = redis.call('ZRANGE', KEYS[1], '-inf', now + tonumber(ARGV[4]), 'BYSCORE', 'LIMIT', 0, ARGV[3], 'WITHSCORES')
for i = 1, #found, 2 do
  local key = found[i]
  local waits = failing and tonumber(found[i + 1]) > now and redis.call('HEXISTS', KEYS[4], key) == 1
  local version, payload = redis.call('HGET', KEYS[2], key), redis.call('HGET', KEYS[3], key)
  if version and payload and not waits then
    bytes = bytes + #payload
    if #answer > 2 and bytes > tonumber(ARGV[6]) then break end
    answer[#answer + 1], answer[#answer + 2], answer[#answer + 3] = key, version, payload
  elseif not waits then
    redis.call('ZREM', KEYS[1], key)
  end
end
return answer`);

/**
 * ACK: the database has these versions. A key that was written again meanwhile stays dirty, and is due after the delay
 * again, so that a hot key is not flushed without pause. A dead letter of the key is out of date now, unless it is of a
 * newer version: who was paused before the ACK may come after that was refused.
 * KEYS: 1-6. ARGV: delay, then for each write key and version, each key once.
 */
export const ACK = script(`${ALLOW_OOM}${time}${sizes}
local freed = 0
local lettered, failing = redis.call('EXISTS', KEYS[6]) == 1, redis.call('EXISTS', KEYS[4]) == 1
-- In parts: Lua takes only so many arguments.
for from = 2, #ARGV, 400 do
  local keys, done = {}, {}
  for i = from, math.min(from + 398, #ARGV), 2 do keys[#keys + 1] = ARGV[i] end
  local versions = redis.call('HMGET', KEYS[2], unpack(keys))
  for place, key in ipairs(keys) do
    local acked = ARGV[from + 2 * place - 1]
    local letter = lettered and redis.call('HGET', KEYS[6], key)
    if letter and tonumber(string.match(letter, '^%d+')) <= tonumber(acked) then
      freed = freed + sizeOf(key, #letter)
      redis.call('HDEL', KEYS[6], key)
    end
    if versions[place] == acked then
      freed = freed + sizeOf(key, redis.call('HSTRLEN', KEYS[3], key))
      done[#done + 1] = key
    elseif versions[place] then
      redis.call('ZADD', KEYS[1], 'XX', now + tonumber(ARGV[1]), key)
    end
  end
  if #done > 0 then
    redis.call('HDEL', KEYS[2], unpack(done))
    redis.call('HDEL', KEYS[3], unpack(done))
    if failing then redis.call('HDEL', KEYS[4], unpack(done)) end
    redis.call('ZREM', KEYS[1], unpack(done))
  end
end
if freed > 0 then redis.call('HINCRBYFLOAT', KEYS[5], 'bytes', -freed) end
redis.call('HINCRBY', KEYS[5], 'flushed', (#ARGV - 1) / 2)
return 1`);

/**
 * FAIL: the database refused these versions. A write is tried again later (the pause doubles), until its attempts are used
 * up; one that waits for another row has a time instead. Then it becomes a dead letter, in the same step. Of that time what it
 * was tried later than it was due does not count: while the database was away, nobody could write the other row either.
 * KEYS: 1-6, then cached for each. ARGV: attempts, time for other rows, first pause, longest pause, keep cached (1 or 0), a
 * share from 0 to 1 for the pause's jitter, then for each key, version, kind (data, order), error.
 * Answers for each retry, dead or gone, and the attempts.
 */
export const FAIL = script(`${ALLOW_OOM}${time}${sizes}
local answers, grown = {}, 0
for i = 1, #KEYS - 6 do
  local at = 6 + 4 * (i - 1)
  local key, kind, message = ARGV[at + 1], ARGV[at + 3], ARGV[at + 4]
  local result, attempts = 'gone', 0
  if redis.call('HGET', KEYS[2], key) == ARGV[at + 2] then
    local count, first = string.match(redis.call('HGET', KEYS[4], key) or '0:0', '(%d+):(%d+)')
    attempts, first = tonumber(count) + 1, tonumber(first)
    if kind == 'order' then
      local due = tonumber(redis.call('ZSCORE', KEYS[1], key) or now)
      if first == 0 then first = now else first = first + math.max(0, now - due) end
    end
    local over = attempts >= tonumber(ARGV[1])
    if kind == 'order' then over = now - first >= tonumber(ARGV[2]) end
    if over then
      result = 'dead'
      local payload = redis.call('HGET', KEYS[3], key)
      local old = redis.call('HSTRLEN', KEYS[6], key)
      local letter = table.concat({ ARGV[at + 2], now, attempts, #message, message .. payload }, ' ')
      redis.call('HSET', KEYS[6], key, letter)
      for place = 2, 4 do redis.call('HDEL', KEYS[place], key) end
      redis.call('ZREM', KEYS[1], key)
      grown = grown + sizeOf(key, #letter) - sizeOf(key, #payload)
      if old > 0 then grown = grown - sizeOf(key, old) end
      if ARGV[5] ~= '1' then redis.call('UNLINK', KEYS[6 + i]) end
    else
      result = 'retry'
      redis.call('HSET', KEYS[4], key, attempts .. ':' .. string.format('%.0f', first))
      local pause = math.min(tonumber(ARGV[3]) * 2 ^ math.min(attempts - 1, 30), tonumber(ARGV[4]))
      redis.call('ZADD', KEYS[1], 'XX', math.ceil(now + pause * (1 - ARGV[6] / 2)), key)
    end
  end
  answers[2 * i - 1], answers[2 * i] = result, attempts
end
if grown ~= 0 then redis.call('HINCRBYFLOAT', KEYS[5], 'bytes', grown) end
return answers`);

/**
 * RELEASE: gives the claim back, if it still is the caller's. Who asks is told when the next write is due, and is to wake
 * somebody then; `after` is when that one can be there at the earliest.
 * KEYS: due, meta. ARGV: owner, after, grace. Answers ms until the next write is due, or false.
 */
export const RELEASE = script(`${ALLOW_OOM}${time}
if redis.call('HGET', KEYS[2], 'owner') == ARGV[1] then redis.call('HDEL', KEYS[2], 'owner', 'until') end
local first = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')[2]
if not first then
  redis.call('HDEL', KEYS[2], 'armed')
  return false
end
local wait = math.min(math.max(0, tonumber(first) - now, tonumber(ARGV[2])), ${LONGEST_PLAN})
redis.call('HSET', KEYS[2], 'armed', now + wait + tonumber(ARGV[3]))
return wait`);

/**
 * DUE: how long until the first write is due; brings back what a clock that was set back has left in the far future.
 * KEYS: due. Answers ms (negative: overdue), or false.
 */
export const DUE = script(`${ALLOW_OOM}${time}
for _, key in ipairs(redis.call('ZRANGE', KEYS[1], now + ${LONGEST_PLAN}, '+inf', 'BYSCORE', 'LIMIT', 0, 1000)) do
  redis.call('ZADD', KEYS[1], now, key)
end
local first = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')[2]
return first and tonumber(first) - now`);

/**
 * HASTEN: makes dirty keys due now, but for those that wait after a refusal: coming sooner would only use up their
 * attempts. KEYS: due, attempts. ARGV: keys; none: all.
 */
export const HASTEN = script(`${ALLOW_OOM}${time}
local keys = ARGV
if #keys == 0 then keys = redis.call('ZRANGE', KEYS[1], '(' .. now, '+inf', 'BYSCORE') end
for _, key in ipairs(keys) do
  if redis.call('HEXISTS', KEYS[2], key) == 0 then redis.call('ZADD', KEYS[1], 'XX', 'LT', now, key) end
end
return 1`);

/**
 * REPLAY: dead letters become dirty again, at once; one whose key was written again meanwhile is dropped.
 * KEYS: 1-6, then cached for each key. ARGV: shards, then keys. Answers how many became dirty.
 */
export const REPLAY = script(`${time}${sizes}
local meta = redis.call('HMGET', KEYS[5], 'shards', 'last', 'bytes')
if meta[1] and meta[1] ~= ARGV[1] then return redis.error_reply('SHARDS ' .. meta[1]) end
local last, bytes, count = tonumber(meta[2] or 0), tonumber(meta[3] or 0), 0
for i = 1, #ARGV - 1 do
  local key = ARGV[i + 1]
  local letter = redis.call('HGET', KEYS[6], key)
  if letter then
    local length, text = string.match(letter, '^%d+ %d+ %d+ (%d+) (.*)$')
    local payload = string.sub(text, tonumber(length) + 1)
    if redis.call('HEXISTS', KEYS[2], key) == 0 then
      last = math.max(last + 1, micros)
      redis.call('HSET', KEYS[2], key, string.format('%.0f', last))
      redis.call('HSET', KEYS[3], key, payload)
      redis.call('ZADD', KEYS[1], now, key)
      redis.call('UNLINK', KEYS[6 + i])
      bytes, count = bytes + sizeOf(key, #payload), count + 1
    end
    redis.call('HDEL', KEYS[6], key)
    bytes = bytes - sizeOf(key, #letter)
  end
end
redis.call('HSET', KEYS[5], 'shards', ARGV[1], 'last', string.format('%.0f', last), 'bytes', bytes)
return count`);

/** DISCARD: deletes dead letters. KEYS: letters, meta. ARGV: keys. Answers how many. */
export const DISCARD = script(`${ALLOW_OOM}${sizes}
local freed, count = 0, 0
for _, key in ipairs(ARGV) do
  local length = redis.call('HSTRLEN', KEYS[1], key)
  if length > 0 then
    redis.call('HDEL', KEYS[1], key)
    freed, count = freed + sizeOf(key, length), count + 1
  end
end
if count > 0 then redis.call('HINCRBYFLOAT', KEYS[2], 'bytes', -freed) end
return count`);

/** STATS: KEYS: 1-6. Answers dirty, dead letters, bytes, lag in ms, marked, flushed. */
export const STATS = script(`${time}
local meta = redis.call('HMGET', KEYS[5], 'bytes', 'marked', 'flushed')
local first = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')[2]
local lag = first and math.max(0, now - tonumber(first)) or 0
return { redis.call('HLEN', KEYS[2]), redis.call('HLEN', KEYS[6]), tonumber(meta[1] or 0), lag,
  tonumber(meta[2] or 0), tonumber(meta[3] or 0) }`);

/**
 * RESHARD: another number of shards from now on, if the shard is empty: writers with the old number are refused from then on.
 * KEYS: versions, letters, meta. ARGV: shards. Answers how many keys are in the way.
 */
export const RESHARD = script(`
local left = redis.call('HLEN', KEYS[1]) + redis.call('HLEN', KEYS[2])
if left == 0 then redis.call('HSET', KEYS[3], 'shards', ARGV[1]) end
return left`);
