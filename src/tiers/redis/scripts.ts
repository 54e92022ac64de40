import {
  AWAITED_HOLD,
  AWAITED_REFRESH_STATE,
  AWAITED_STATE,
  CLAIMED_HOLD,
  CLAIMED_STATE,
  EXPIRED_STATE,
  FAILED_REFRESH_STATE,
  FAILED_STATE,
  REFRESHED_STATE,
  STATE_OFFSET,
  VALUE_STATE,
} from '../../engine/entry-format.js';
import { VERSION_LENGTH } from '../../engine/version.js';
import { script } from './script.js';

/** Whether a key has this version. What is absent, of another type or shorter than a version has none. */
const hasVersion = `
local function hasVersion(key, version)
  return #version == ${VERSION_LENGTH} and redis.pcall('GETRANGE', key, 0, ${VERSION_LENGTH - 1}) == version
end`;

/**
 * SET NX GET. What cannot be ours (another type, or a length that none of ours has) is replaced, and answered as
 * \`foreign\`. Every other error, such as a full memory, is one: it must not be taken for a reason to replace.
 */
const setIfAbsent = `
local function setIfAbsent(key, value, life, isOurs)
  local found = redis.pcall('SET', key, value, 'NX', 'GET', 'PX', life)
  if type(found) == 'table' then
    if not string.find(found.err, 'WRONGTYPE', 1, true) then error(found) end
  elseif not found or isOurs(#found) then
    return found, false
  end
  redis.call('SET', key, value, 'PX', life)
  return false, true
end`;

// Each script takes several keys, so that all calls of one tick cost one command. The keys are independent of each other:
// an order among them, or all-or-nothing, is neither needed nor promised.

/** What HOLD answers where it replaced something foreign: too short for anything of ours. */
const FOREIGN = 'foreign';

/**
 * HOLD: places a hold where nothing is, and answers for each key what was there (`false`: the hold is there now).
 * Guarantees that a load begins with a version that only a change of the key can remove.
 * KEYS: keys. ARGV: for each key version and life in ms.
 */
export const HOLD = script(`${setIfAbsent}
local function isOurs(length) return length >= ${VERSION_LENGTH} end
local answers = {}
for i, key in ipairs(KEYS) do
  local found, foreign = setIfAbsent(key, ARGV[2 * i - 1], ARGV[2 * i], isOurs)
  answers[i] = foreign and '${FOREIGN}' or found
end
return answers`);

/** What stands under a key, as far as claims are concerned: version, the mark of a hold, the state of a value. */
const lookAt = `
local function lookAt(key)
  local head = redis.pcall('GETRANGE', key, 0, ${STATE_OFFSET})
  if type(head) ~= 'string' then return nil end
  local version, mark = string.sub(head, 1, ${VERSION_LENGTH}), string.sub(head, ${VERSION_LENGTH + 1}, ${VERSION_LENGTH + 1})
  return version, mark, mark == 'S' and string.sub(head, ${STATE_OFFSET + 1}, ${STATE_OFFSET + 1}) or ''
end`;

const isAwaited = `
local function isAwaited(mark, state)
  return mark == '${AWAITED_HOLD}' or state == '${AWAITED_STATE}' or state == '${AWAITED_REFRESH_STATE}'
end`;

/**
 * CLAIM: one process of all loads a key, and the others wait for it. Places a claimed hold where nothing is, or where the
 * version that the caller saw still is; a value that may still serve is kept, and gets our version and the state "claimed".
 * Where somebody else is first, notes that somebody waits.
 * KEYS: keys. ARGV: for each key version, life in ms, the version it may replace, and what becomes of a value: '0' it goes,
 * or the state it is kept in: '${CLAIMED_STATE}' it serves as stale, '${REFRESHED_STATE}' as it did; then
 * '1' if it has to be noted that somebody waits (who is told of every change of the key needs no waking).
 * Answers for each key what was there; \`false\`: the claim is ours.
 */
export const CLAIM = script(`${lookAt}
local answers = {}
for i, key in ipairs(KEYS) do
  local version, life, instead, keep = ARGV[4 * i - 3], ARGV[4 * i - 2], ARGV[4 * i - 1], ARGV[4 * i]
  local found, mark, state = lookAt(key)
  local ours = found == '' or (found and found == instead)
  if found == nil or (#found > 0 and #found < ${VERSION_LENGTH}) then
    redis.call('SET', key, version .. '${CLAIMED_HOLD}', 'PX', life)
    answers[i] = '${FOREIGN}'
  elseif ours and keep ~= '0' and mark == 'S' then
    redis.call('SETRANGE', key, 0, version)
    redis.call('SETRANGE', key, ${STATE_OFFSET}, keep)
    answers[i] = false
  elseif ours then
    redis.call('SET', key, version .. '${CLAIMED_HOLD}', 'PX', life)
    answers[i] = false
  else
    if ARGV[#ARGV] == '1' then
      if mark == '${CLAIMED_HOLD}' then redis.call('SETRANGE', key, ${VERSION_LENGTH}, '${AWAITED_HOLD}') end
      if state == '${CLAIMED_STATE}' then redis.call('SETRANGE', key, ${STATE_OFFSET}, '${AWAITED_STATE}') end
      if state == '${REFRESHED_STATE}' then redis.call('SETRANGE', key, ${STATE_OFFSET}, '${AWAITED_REFRESH_STATE}') end
    end
    answers[i] = redis.call('GET', key)
  end
end
return answers`);

/**
 * ABANDON: the load of a claim stored nothing, or takes too long to be waited for. The version stays, so that it may still be
 * stored; who waited claims anew. With '1' for "failed" a value stays claimed, so that nobody loads it until it is abandoned
 * once more; who waited is not kept waiting.
 * KEYS: keys. ARGV: for each key the version, and '1' or '0'. Answers 2 for each that somebody waits for.
 */
export const ABANDON = script(`${lookAt}${isAwaited}
local answers = {}
for i, key in ipairs(KEYS) do
  local found, mark, state = lookAt(key)
  local failed = ARGV[2 * i] == '1'
  answers[i] = 0
  if found == ARGV[2 * i - 1] then
    if isAwaited(mark, state) then answers[i] = 2 end
    if mark == '${CLAIMED_HOLD}' or mark == '${AWAITED_HOLD}' then
      redis.call('SET', key, found, 'KEEPTTL')
    elseif state == '${CLAIMED_STATE}' or state == '${AWAITED_STATE}' or state == '${FAILED_STATE}' then
      redis.call('SETRANGE', key, ${STATE_OFFSET}, failed and '${FAILED_STATE}' or '${EXPIRED_STATE}')
    elseif state == '${REFRESHED_STATE}' or state == '${AWAITED_REFRESH_STATE}' or state == '${FAILED_REFRESH_STATE}' then
      redis.call('SETRANGE', key, ${STATE_OFFSET}, failed and '${FAILED_REFRESH_STATE}' or '${VALUE_STATE}')
    end
  end
end
return answers`);

/**
 * MARK: reads markers, makes those that are missing, and lets all live on. A marker that is gone makes its entries stale,
 * so its life is prolonged by every load that relies on it (\`GT\`: never shortened).
 * KEYS: markers. ARGV: for each marker value, the life it must have in ms, and the life it gets if that is more than is left.
 * If both are the same, it is prolonged every time.
 */
export const MARK = script(`${setIfAbsent}
local function isOurs(length) return length == ${2 * VERSION_LENGTH} end
local answers = {}
for i, key in ipairs(KEYS) do
  local value, least, life = ARGV[3 * i - 2], ARGV[3 * i - 1], ARGV[3 * i]
  local found = setIfAbsent(key, value, life, isOurs)
  if found and (least == life or redis.call('PTTL', key) < tonumber(least)) then redis.call('PEXPIRE', key, life, 'GT') end
  answers[i] = found or value
end
return answers`);

/**
 * FILL: stores the result of a load only where the key still has the version the load began with. Absent is no version,
 * so an eviction, an expiry or a lost write refuses the fill.
 * KEYS: keys. ARGV: for each key token, bytes and life in ms. Answers for each 1 (stored), 2 (stored, and somebody waits for
 * it) or 0.
 */
export const FILL = script(`${lookAt}${isAwaited}
local answers = {}
for i, key in ipairs(KEYS) do
  local found, mark, state = lookAt(key)
  answers[i] = 0
  if found == ARGV[3 * i - 2] and #found == ${VERSION_LENGTH} then
    redis.call('SET', key, ARGV[3 * i - 1], 'PX', ARGV[3 * i])
    answers[i] = isAwaited(mark, state) and 2 or 1
  end
end
return answers`);

/**
 * Tells other processes what is changed, in the same step: whoever sees the change has been told, or will be. ARGV ends
 * with channel and message; an empty channel: there is nobody to tell.
 */
const publish = `
if ARGV[#ARGV - 1] ~= '' then redis.call('PUBLISH', ARGV[#ARGV - 1], ARGV[#ARGV]) end`;

/** EVICT: removes keys. With holds, that refuses every load under way. KEYS: keys. ARGV: channel, message. */
export const EVICT = script(`
redis.call('UNLINK', unpack(KEYS))${publish}
return 1`);

/**
 * PUT: like FILL, but where the version is another one the key is removed: of two racing writes the last row stays, or
 * none. An empty token puts in any case.
 * KEYS: keys. ARGV: for each key token, bytes and life in ms; channel, message. Answers 1 (stored) or 0 (removed) for each.
 */
export const PUT = script(`${hasVersion}
local answers = {}
for i, key in ipairs(KEYS) do
  local token = ARGV[3 * i - 2]
  local same = token == '' or hasVersion(key, token)
  if same then redis.call('SET', key, ARGV[3 * i - 1], 'PX', ARGV[3 * i]) else redis.call('UNLINK', key) end
  answers[i] = same and 1 or 0
end${publish}
return answers`);

/**
 * RECHECK: for puts that Redis may have lost: removes what is not what was put, which may be what was there before.
 * KEYS: keys. ARGV: for each key the version that may stay; channel, message.
 */
export const RECHECK = script(`${hasVersion}
for i, key in ipairs(KEYS) do
  if not hasVersion(key, ARGV[i]) then redis.call('UNLINK', key) end
end${publish}
return 1`);

/**
 * EXPIRE: values get a new version and the mark "expired", so loads under way are refused and the value serves only as
 * stale; holds are removed. Their life in Redis goes on.
 * KEYS: keys. ARGV: for each key the new version; channel, message.
 */
export const EXPIRE = script(`
for i, key in ipairs(KEYS) do
  local length = redis.pcall('STRLEN', key)
  if type(length) == 'number' and length > ${VERSION_LENGTH + 1} then
    redis.call('SETRANGE', key, 0, ARGV[i])
    redis.call('SETRANGE', key, ${STATE_OFFSET}, '${EXPIRED_STATE}')
  else
    redis.call('UNLINK', key)
  end
end${publish}
return 1`);

/**
 * CHANGE: gives markers a new version: 'dead' both halves, 'expired' the second one. A marker that is not there needs
 * nothing: its entries are stale already, and a load makes a new one. What is none of ours is removed.
 * KEYS: markers. ARGV: 'dead' or 'expired', then for each marker a new value; channel, message.
 */
export const CHANGE = script(`
for i, key in ipairs(KEYS) do
  if redis.pcall('STRLEN', key) ~= ${2 * VERSION_LENGTH} then
    redis.call('UNLINK', key)
  elseif ARGV[1] == 'dead' then
    redis.call('SET', key, ARGV[i + 1], 'KEEPTTL')
  else
    redis.call('SETRANGE', key, ${VERSION_LENGTH}, string.sub(ARGV[i + 1], ${VERSION_LENGTH + 1}))
  end
end${publish}
return 1`);

/**
 * ECHO: says something to the own process. It writes, so a replica, or a primary that knows it is cut off, refuses: what was
 * heard from there proves nothing. KEYS: a key of the process. ARGV: number of the call, life of the key in ms, channel.
 */
export const ECHO = script(`
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
redis.call('PUBLISH', ARGV[3], ARGV[1])
return 1`);

/** INCREMENT: adds, with a life for a counter that is new; adding 0 makes none. KEYS: counter. ARGV: by, ttl in ms (0: none). */
export const INCREMENT = script(`
local isNew = redis.call('EXISTS', KEYS[1]) == 0
if isNew and tonumber(ARGV[1]) == 0 then return '0' end
local value = redis.call('INCRBYFLOAT', KEYS[1], ARGV[1])
if isNew and ARGV[2] ~= '0' then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return value`);

/** RENEW: prolongs a lease only if it still is the caller's. KEYS: lease. ARGV: token, life in ms. */
export const RENEW = script(`
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return 0`);

/** RELEASE: removes a lease only if it still is the caller's. KEYS: lease. ARGV: token. */
export const RELEASE = script(`
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0`);

/**
 * LIMIT: counts entries of a window that begins with the first one (fixed window). A refused one is not counted.
 * KEYS: window. ARGV: limit, window in ms. Answers allowed, count, ms until the window ends.
 */
export const LIMIT = script(`
local count = tonumber(redis.call('GET', KEYS[1]) or '0')
local left = redis.call('PTTL', KEYS[1])
if count < tonumber(ARGV[1]) then
  count = redis.call('INCR', KEYS[1])
  if left < 0 then
    redis.call('PEXPIRE', KEYS[1], ARGV[2])
    left = tonumber(ARGV[2])
  end
  return { 1, count, left }
end
return { 0, count, left }`);
