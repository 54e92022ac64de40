import { createHash } from 'node:crypto';
import { createRequire } from 'node:module';
import { ErrorReply, OK, Status } from './reply.mjs';

// Numbers of Lua 5.1, which Redis has, know no "3.0". Read once, when fengari is loaded.
process.env.FENGARICONF = JSON.stringify({ LUA_COMPAT_FLOATSTRING: true });
const { lua, lauxlib, lualib } = createRequire(import.meta.url)('fengari');
const { LUA_OK, LUA_REGISTRYINDEX, LUA_TBOOLEAN, LUA_TNIL, LUA_TNUMBER, LUA_TSTRING, LUA_TTABLE } = lua;

/** @typedef {import('./reply.mjs').Reply} Reply @typedef {(args: string[]) => Reply} Execute */

/** What Redis' Lua 5.1 has and this Lua 5.3 has not, what is too new, and the ban on globals. */
const PRELUDE = `
unpack, loadstring = table.unpack, load
math.pow = function(a, b) return a ^ b end
table.getn = function(t) return #t end
utf8, os, io, require, package, debug, coroutine, dofile, loadfile, print = nil
table.move, table.pack, table.unpack, string.pack, string.unpack, string.packsize, math.tointeger, math.type, math.ult = nil
KEYS, ARGV = {}, {}
local function missing(kind) return function(_, name) error(kind .. ' that Redis does not have, or this model does not know: ' .. tostring(name), 2) end end
setmetatable(redis, { __index = missing('function of redis') })
setmetatable(string, { __index = missing('function of string') })
setmetatable(table, { __index = missing('function of table') })
setmetatable(_G, { __index = missing('global'), __newindex = missing('global') })`;

const bytesOf = (text) => Buffer.from(text, 'latin1');
const textOf = (bytes) => Buffer.prototype.latin1Slice.call(bytes, 0, bytes.length);
const [ERR, OK_FIELD] = [bytesOf('err'), bytesOf('ok')];

/** Scripts in a Lua machine. They keep no state, so all worlds share one machine and each script is compiled once. */
export class LuaMachine {
  #state = lauxlib.luaL_newstate();
  /** Where the compiled functions are, by source. @type {Map<string, number>} */
  #compiled = new Map();
  /** @type {Execute} */
  #execute = () => null;
  /** A mistake of the model, or a command it does not know: no script may catch it. @type {unknown} */
  #crash = undefined;

  constructor() {
    const L = this.#state;
    lualib.luaL_openlibs(L);
    lua.lua_createtable(L, 0, 8);
    this.#define('call', (args) => this.#call(args, true));
    this.#define('pcall', (args) => this.#call(args, false));
    this.#define('error_reply', (args) => this.#table(ERR, withCode(this.#text(args, 1))));
    this.#define('status_reply', (args) => this.#table(OK_FIELD, this.#text(args, 1)));
    this.#define('sha1hex', (args) =>
      this.#push(createHash('sha1').update(this.#text(args, 1), 'latin1').digest('hex')),
    );
    this.#define('log', () => 0);
    for (const level of ['LOG_DEBUG', 'LOG_VERBOSE', 'LOG_NOTICE', 'LOG_WARNING']) {
      lua.lua_pushnumber(L, 0);
      lua.lua_setfield(L, -2, bytesOf(level));
    }
    lua.lua_setglobal(L, bytesOf('redis'));
    if (lauxlib.luaL_dostring(L, bytesOf(PRELUDE)) !== LUA_OK) throw new Error(textOf(lua.lua_tostring(L, -1)));
  }

  /** @param {string} source @param {readonly string[]} keys @param {readonly string[]} args @param {Execute} execute @returns {Reply} */
  run(source, keys, args, execute) {
    const L = this.#state;
    const script = this.#compile(source);
    if (typeof script !== 'number') return script;
    this.#list('KEYS', keys);
    this.#list('ARGV', args);
    this.#execute = execute;
    lua.lua_rawgeti(L, LUA_REGISTRYINDEX, script);
    const failed = lua.lua_pcall(L, 0, 1, 0) !== LUA_OK;
    if (this.#crash !== undefined) throw this.#crash;
    const reply = failed ? this.#failure() : this.#toReply(-1);
    lua.lua_settop(L, 0);
    return reply;
  }

  /** @param {string} source @returns {number | ErrorReply} */
  #compile(source) {
    const known = this.#compiled.get(source);
    if (known !== undefined) return known;
    const L = this.#state;
    const bytes = bytesOf(source);
    if (lauxlib.luaL_loadbuffer(L, bytes, bytes.length, bytesOf('@user_script')) !== LUA_OK) {
      const message = textOf(lua.lua_tostring(L, -1));
      lua.lua_settop(L, 0);
      return new ErrorReply(`ERR Error compiling script (new function): ${message}`);
    }
    const place = lauxlib.luaL_ref(L, LUA_REGISTRYINDEX);
    this.#compiled.set(source, place);
    return place;
  }

  #define(name, work) {
    lua.lua_pushcfunction(this.#state, work);
    lua.lua_setfield(this.#state, -2, bytesOf(name));
  }

  /** @param {string} name @param {readonly string[]} texts */
  #list(name, texts) {
    const L = this.#state;
    lua.lua_createtable(L, texts.length, 0);
    for (let i = 0; i < texts.length; i++) {
      lua.lua_pushstring(L, bytesOf(texts[i]));
      lua.lua_rawseti(L, -2, i + 1);
    }
    lua.lua_setglobal(L, bytesOf(name));
  }

  /** redis.call and redis.pcall. @param {any} L the coroutine that calls @param {boolean} raise */
  #call(L, raise) {
    const args = [];
    for (let i = 1, n = lua.lua_gettop(L); i <= n; i++) {
      const type = lua.lua_type(L, i);
      if (type !== LUA_TSTRING && type !== LUA_TNUMBER)
        return this.#raise('ERR Lua redis lib command arguments must be strings or integers');
      args.push(this.#text(L, i));
    }
    let reply;
    try {
      reply = this.#execute(args);
    } catch (error) {
      this.#crash ??= error;
      throw error;
    }
    this.#push(reply);
    return raise && reply instanceof ErrorReply ? lua.lua_error(L) : 1;
  }

  #raise(message) {
    this.#table(ERR, message);
    return lua.lua_error(this.#state);
  }

  /** @param {number} at a text or number on the stack */
  #text(L, at) {
    if (lua.lua_type(L, at) === LUA_TNUMBER) {
      const number = lua.lua_tonumber(L, at);
      // As `%.17g` writes it, which a script must not rely on anyway.
      return Number.isInteger(number) ? String(number) : String(Number(number.toPrecision(17)));
    }
    return textOf(lua.lua_tostring(L, at));
  }

  #table(field, text) {
    const L = this.#state;
    lua.lua_createtable(L, 0, 1);
    lua.lua_pushstring(L, bytesOf(text));
    lua.lua_setfield(L, -2, field);
    return 1;
  }

  /** From Redis to Lua. @param {Reply} reply */
  #push(reply) {
    const L = this.#state;
    if (typeof reply === 'string') lua.lua_pushstring(L, bytesOf(reply));
    else if (typeof reply === 'number') lua.lua_pushnumber(L, reply);
    else if (reply === null) lua.lua_pushboolean(L, false);
    else if (reply === OK) this.#table(OK_FIELD, 'OK');
    else if (reply instanceof Status) this.#table(OK_FIELD, reply.text);
    else if (reply instanceof ErrorReply) this.#table(ERR, reply.message);
    else {
      lua.lua_createtable(L, reply.length, 0);
      reply.forEach((part, i) => {
        this.#push(part);
        lua.lua_rawseti(L, -2, i + 1);
      });
    }
    return 1;
  }

  /** From Lua to Redis: numbers lose their fraction, a list ends at the first nil. @param {number} at @returns {Reply} */
  #toReply(at) {
    const L = this.#state;
    switch (lua.lua_type(L, at)) {
      case LUA_TSTRING:
        return textOf(lua.lua_tostring(L, at));
      case LUA_TNUMBER:
        return Math.trunc(lua.lua_tonumber(L, at));
      case LUA_TBOOLEAN:
        return lua.lua_toboolean(L, at) ? 1 : null;
      case LUA_TTABLE:
        return this.#fromTable(lua.lua_absindex(L, at));
      case LUA_TNIL:
        return null;
      default:
        throw new Error(`A script answers what Redis knows no form for: ${lua.lua_type(L, at)}`);
    }
  }

  /** @param {number} at @returns {Reply} */
  #fromTable(at) {
    const L = this.#state;
    for (const [field, make] of [
      [ERR, (text) => new ErrorReply(text)],
      [OK_FIELD, (text) => new Status(text)],
    ]) {
      lua.lua_pushstring(L, field);
      const found = lua.lua_rawget(L, at) === LUA_TSTRING ? make(textOf(lua.lua_tostring(L, -1))) : undefined;
      lua.lua_settop(L, -2);
      if (found) return found;
    }
    const list = [];
    for (let i = 1; ; i++) {
      const end = lua.lua_rawgeti(L, at, i) === LUA_TNIL;
      if (!end) list.push(this.#toReply(-1));
      lua.lua_settop(L, -2);
      if (end) return list;
    }
  }

  /** What a script that failed answers. */
  #failure() {
    const reply = this.#toReply(-1);
    return reply instanceof ErrorReply ? reply : new ErrorReply(`ERR ${reply}`);
  }
}

/** @param {string} message */
function withCode(message) {
  const text = message.startsWith('-') ? message.slice(1) : message;
  return text.includes(' ') ? text : `ERR ${text}`;
}
