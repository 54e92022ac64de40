import { createHash } from 'node:crypto';
import { ErrorReply, OK } from './reply.mjs';

/** @typedef {import('./reply.mjs').Reply} Reply @typedef {import('./server.mjs').Server} Server */

const WRONG_TYPE = new ErrorReply('WRONGTYPE Operation against a key holding the wrong kind of value');
const SYNTAX = new ErrorReply('ERR syntax error');
const NOT_INTEGER = new ErrorReply('ERR value is not an integer or out of range');
const NO_SCRIPT = new ErrorReply('NOSCRIPT No matching script. Please use EVAL.');

const isInteger = (text) => /^-?\d{1,18}$/.test(text);

/** The text under a key, null, or the error of another type. @param {Server} server @param {string} key */
function textOf(server, key) {
  const entry = server.get(key);
  if (entry === undefined) return null;
  return entry.foreign ? WRONG_TYPE : entry.value;
}

/** Options of SET; undefined if they make no sense. @param {string[]} options */
function setOptions(options) {
  const found = { nx: false, xx: false, get: false, keep: false, life: undefined };
  for (let i = 0; i < options.length; i++) {
    const option = options[i].toUpperCase();
    if (option === 'NX') found.nx = true;
    else if (option === 'XX') found.xx = true;
    else if (option === 'GET') found.get = true;
    else if (option === 'KEEPTTL') found.keep = true;
    else if (option === 'PX' || option === 'EX') {
      const life = options[++i] ?? '';
      if (!isInteger(life) || Number(life) <= 0) return undefined;
      found.life = Number(life) * (option === 'EX' ? 1000 : 1);
    } else return undefined;
  }
  return (found.nx && found.xx) || (found.keep && found.life !== undefined) ? undefined : found;
}

function set(server, [key, value, ...rest]) {
  const options = setOptions(rest);
  if (options === undefined || value === undefined) return SYNTAX;
  const old = server.get(key);
  if (options.get && old?.foreign) return WRONG_TYPE;
  const answer = options.get ? (old?.value ?? null) : OK;
  if ((options.nx && old) || (options.xx && !old)) return options.get ? answer : null;
  const until = options.life === undefined ? Number.POSITIVE_INFINITY : server.clock() + options.life;
  server.put(key, value, options.keep && old ? old.until : until);
  return answer;
}

function setRange(server, [key, offset, piece]) {
  const old = textOf(server, key);
  if (old instanceof ErrorReply) return old;
  const at = Number(offset);
  const text = (old ?? '').padEnd(at, '\0');
  if (piece === '') return old?.length ?? 0;
  const value = text.slice(0, at) + piece + text.slice(at + piece.length);
  server.put(key, value, server.get(key)?.until ?? Number.POSITIVE_INFINITY);
  return value.length;
}

function getRange(server, [key, from, to]) {
  const text = textOf(server, key);
  if (text instanceof ErrorReply) return text;
  if (text === null) return '';
  const place = (at) => (Number(at) < 0 ? Math.max(0, text.length + Number(at)) : Number(at));
  return text.slice(place(from), place(to) + 1);
}

function remove(server, keys) {
  let count = 0;
  for (const key of keys) {
    if (server.get(key) === undefined) continue;
    server.remove(key);
    count++;
  }
  return count;
}

/** PEXPIRE key ms [GT|LT|NX|XX]; a key that lives for ever counts as the longest life. */
function expire(server, [key, life, condition = '']) {
  if (!isInteger(life)) return NOT_INTEGER;
  const entry = server.get(key);
  if (entry === undefined) return 0;
  const until = server.clock() + Number(life);
  const may = {
    '': true,
    GT: until > entry.until,
    LT: until < entry.until,
    NX: entry.until === Number.POSITIVE_INFINITY,
    XX: entry.until !== Number.POSITIVE_INFINITY,
  }; // prettier-ignore
  const kind = condition.toUpperCase();
  if (!(kind in may)) return SYNTAX;
  if (!may[kind]) return 0;
  if (until <= server.clock()) server.remove(key);
  else server.replace(key, { ...entry, until });
  return 1;
}

function add(server, key, by, whole) {
  const old = textOf(server, key);
  if (old instanceof ErrorReply) return old;
  if (whole && !isInteger(old ?? '0')) return NOT_INTEGER;
  const value = Number(old ?? '0') + Number(by);
  if (Number.isNaN(value) || [old ?? '0', by].some((text) => !/^[\d.+e-]+$/i.test(text)))
    return new ErrorReply('ERR value is not a valid float');
  server.put(key, String(value), server.get(key)?.until ?? Number.POSITIVE_INFINITY);
  return whole ? value : String(value);
}

/** SCAN cursor [MATCH pattern] [COUNT n]: in one answer, whatever the count. */
function scan(server, [cursor, ...options]) {
  if (cursor !== '0') return new ErrorReply('ERR invalid cursor');
  let matches = () => true;
  for (let i = 0; i < options.length; i += 2) {
    const option = options[i].toUpperCase();
    if (option === 'MATCH') matches = globOf(options[i + 1]);
    else if (option !== 'COUNT') return SYNTAX;
  }
  return ['0', [...server.names()].filter(matches)];
}

/** @param {string} pattern with `*`, `?` and `\` */
function globOf(pattern) {
  const quote = (char) => char.replace(/[$()*+.?[\\\]^{|}]/g, '\\$&');
  const source = pattern.replace(/\\(.)|(.)/gs, (_all, quoted, plain) =>
    quoted !== undefined ? quote(quoted) : plain === '*' ? '.*' : plain === '?' ? '.' : quote(plain),
  );
  const regex = new RegExp(`^${source}$`, 's');
  return (name) => regex.test(name);
}

/** Keys are bound to those a script declares: a cluster would refuse others. */
function evaluate(server, source, [count, ...rest]) {
  if (!isInteger(count ?? '')) return NOT_INTEGER;
  const keys = rest.slice(0, Number(count));
  const declared = new Set(keys);
  return server.lua.run(source, keys, rest.slice(Number(count)), (args) => {
    const name = args[0].toUpperCase();
    for (const key of keysOf(name, args)) {
      if (!declared.has(key)) throw new Error(`A script uses the key ${key}, which is not among its KEYS`);
    }
    if (name in NOT_IN_SCRIPTS) return new ErrorReply('ERR This Redis command is not allowed from script');
    return execute(server, args, undefined);
  });
}

const NOT_IN_SCRIPTS = { EVAL: 1, EVALSHA: 1, SUBSCRIBE: 1, UNSUBSCRIBE: 1, QUIT: 1 };

function keysOf(name, args) {
  if (name === 'PUBLISH' || name === 'PING' || name === 'SCAN') return [];
  return ['MGET', 'DEL', 'UNLINK', 'EXISTS'].includes(name) ? args.slice(1) : args.slice(1, 2);
}

/** @type {Record<string, (server: Server, args: string[], link: import('./link.mjs').Link | undefined) => Reply>} */
const COMMANDS = {
  GET: (server, [key]) => textOf(server, key),
  MGET: (server, keys) =>
    keys.map((key) => {
      const entry = server.get(key);
      return entry === undefined || entry.foreign ? null : entry.value;
    }),
  SET: set,
  GETRANGE: getRange,
  SETRANGE: setRange,
  STRLEN(server, [key]) {
    const text = textOf(server, key);
    return text instanceof ErrorReply ? text : (text?.length ?? 0);
  },
  UNLINK: remove,
  DEL: remove,
  EXISTS: (server, keys) => keys.filter((key) => server.get(key) !== undefined).length,
  PEXPIRE: expire,
  PTTL(server, [key]) {
    const entry = server.get(key);
    if (entry === undefined) return -2;
    return entry.until === Number.POSITIVE_INFINITY ? -1 : Math.max(0, Math.round(entry.until - server.clock()));
  },
  INCR: (server, [key]) => add(server, key, '1', true),
  INCRBY: (server, [key, by]) => add(server, key, by, true),
  INCRBYFLOAT: (server, [key, by]) => add(server, key, by, false),
  SCAN: scan,
  EVAL(server, [source, ...rest]) {
    server.scripts.set(createSha(source), source);
    return evaluate(server, source, rest);
  },
  EVALSHA(server, [sha, ...rest]) {
    const source = server.scripts.get(sha.toLowerCase());
    return source === undefined ? NO_SCRIPT : evaluate(server, source, rest);
  },
  PUBLISH: (server, [channel, message]) => server.publish(channel, message),
  SUBSCRIBE: (server, channels, link) => server.subscribe(link, channels),
  UNSUBSCRIBE: (server, channels, link) => server.unsubscribe(link, channels),
  PING: (_server, [text]) => text ?? 'PONG',
  QUIT: () => OK,
  FLUSHALL(server) {
    server.flush();
    return OK;
  },
  INFO: (server) => `run_id:${server.id}x${server.incarnation}\r\n`,
  CLIENT(server, [what, on, , target, noloop], link) {
    if (what === 'ID') return link.id;
    if (what === 'GETREDIR') return server.tracking.targetOf(link);
    if (`${what} ${on} ${noloop}` !== 'TRACKING ON NOLOOP') return SYNTAX;
    if (!server.has(Number(target))) return new ErrorReply('ERR The client ID you want redirect to does not exist');
    server.tracking.start(link, Number(target));
    return OK;
  },
};

/** @param {Server} server @param {string[]} args name and arguments, as bytes @param {import('./link.mjs').Link | undefined} link @returns {Reply} */
export function execute(server, [name, ...args], link) {
  const command = COMMANDS[name.toUpperCase()];
  if (command === undefined)
    throw new Error(`The modelled Redis does not know ${name}: teach it in redis/commands.mjs`);
  const reply = command(server, args, link);
  const upper = name.toUpperCase();
  server.tracking.executed(upper, keysOf(upper, [name, ...args]));
  return reply;
}

/** Hashing a script costs more than running it. @type {Map<string, string>} */
const shas = new Map();
function createSha(source) {
  let sha = shas.get(source);
  if (sha === undefined) {
    sha = createHash('sha1').update(source, 'latin1').digest('hex');
    shas.set(source, sha);
  }
  return sha;
}
