#!/usr/bin/env node
/**
 * `REDIS_URL=redis://... node simulation/compare.mjs [steps] [seed]`: asks a real Redis and the model the same, and says where
 * they differ: commands as the engine uses them, and all of its scripts, on a few keys. Uses keys of its own; removes them.
 */
import { Redis } from 'ioredis';
import { built } from './engine.mjs';
import { pick, randomOf } from './lib/random.mjs';
import { World } from './lib/world.mjs';
import { toBytes, toClient } from './redis/reply.mjs';
import { Server } from './redis/server.mjs';

const [steps = 3_000, seed = Date.now() % 1e6] = process.argv.slice(2).map(Number);
const scripts = Object.values(await built('tiers/redis/scripts.js'));
const random = randomOf(seed);
const prefix = `compare-${process.pid}:`;
const keys = ['a', 'b', 'c'].map((key) => prefix + key);
const world = new World(seed, false);
const server = new Server(world, 0);
const redis = new Redis(process.env.REDIS_URL ?? 'redis://127.0.0.1:6379');

const texts = [
  '',
  'short',
  '0123456789abcdef',
  'v'.repeat(32),
  `0123456789abcdef${'x'.repeat(40)}`,
  'ü€',
  '\u0000',
  '120000',
  '-3',
  '1.5',
  'dead',
  'expired',
];
let step = 0;
const text = () => pick(random, texts);
const key = () => pick(random, keys);
const number = () => pick(random, ['0', '1', '-1', '3', '16', '5000', '60000']);

/** Made only of what the model knows; the lives are long enough to be still there. */
const COMMANDS = [
  () => ['GET', key()],
  () => ['MGET', ...keys],
  () => ['SET', key(), text()],
  () => ['SET', key(), text(), 'PX', '60000'],
  () => ['SET', key(), text(), 'NX', 'GET', 'PX', '60000'],
  () => ['SET', key(), text(), 'XX'],
  () => ['SET', key(), text(), 'KEEPTTL'],
  () => ['SET', key(), text(), 'PX', '0'],
  () => ['GETRANGE', key(), number(), number()],
  () => ['SETRANGE', key(), pick(random, ['0', '3', '16', '20']), text()],
  () => ['STRLEN', key()],
  () => ['EXISTS', key(), key()],
  () => ['UNLINK', key()],
  () => ['PEXPIRE', key(), String(70_000 + 50 * step), ...pick(random, [[], ['GT'], ['NX']])],
  () => ['INCR', key()],
  () => ['INCRBYFLOAT', key(), '2'],
  () => ['EVAL', pick(random, ROUND_TRIPS), '1', key(), text(), number()],
  () => {
    const { source } = pick(random, scripts);
    const used = keys.slice(0, 1 + Math.floor(random() * 3));
    const channel = random() < 0.5 ? ['', ''] : [`${prefix}channel`, text()];
    const args = Array.from({ length: 1 + Math.floor(random() * 9) }, () => (random() < 0.4 ? '60000' : text()));
    return ['EVAL', source, String(used.length), ...used, ...args, ...channel];
  },
];

/** What types become on their way. */
const ROUND_TRIPS = [
  "return {1, 2.9, -2.9, 'x', false, 'not seen'}",
  "return {1, {2, {'a'}}, nil, 4}",
  "return redis.pcall('GETRANGE', KEYS[1], 0, 15)",
  "return redis.call('GET', KEYS[1])",
  'return true',
  "return redis.error_reply('GONE away')",
  "return {err = 'MINE is this'}",
  "return redis.status_reply('FINE')",
  'return tonumber(ARGV[2])',
  "return tostring(tonumber(ARGV[2])) .. '/' .. (tonumber(ARGV[2]) or 0) * 2",
  "return #ARGV[1] .. type(redis.call('EXISTS', KEYS[1])) .. unpack(ARGV)",
];

/** What is left of a life differs by a little. */
const rough = (part) => (typeof part === 'number' && part > 50_000 ? Math.round(part / 1_000) * 1_000 : part);

const shown = (value) =>
  value instanceof Error
    ? `error ${value.message.split(' ')[0]}`
    : JSON.stringify(value, (_key, part) =>
        part?.type === 'Buffer' ? Buffer.from(part.data).toString('latin1') : rough(part),
      );

let differences = 0;
const begin = performance.now();
for (; step < steps; step++) {
  const command = random() < 0.02 ? ['LPUSH', key(), 'x'] : pick(random, COMMANDS)();
  const [name, ...args] = command;
  world.now = performance.now() - begin;
  const real = await redis.callBuffer(name, ...args).catch((error) => error);
  if (name === 'LPUSH') {
    // Other types are only there to be in the way.
    const known = server.get(args[0]);
    if (!known) server.replace(args[0], { value: '', until: Number.POSITIVE_INFINITY, foreign: true });
    continue;
  }
  const modelled = toClient(server.execute(undefined, command.map(toBytes)), true);
  if (shown(real) === shown(modelled)) continue;
  differences++;
  console.log(
    `${step} ${command.map((part) => (part.length > 60 ? `${part.trim().slice(0, 60)}..` : JSON.stringify(part))).join(' ')}\n  redis ${shown(real)}\n  model ${shown(modelled)}`,
  );
}
await redis.unlink(...keys);
redis.disconnect();
console.log(`${steps} steps, seed ${seed}: ${differences} differences`);
process.exitCode = differences > 0 ? 1 : 0;
