// A process that flushes, until it is told how to fail.
import { built, openApp } from './app.mjs';
import { strike } from './faulty-client.mjs';
import { config, serve, tell } from './link.mjs';
import { controlWakeUps } from './wakes.mjs';

const wakes = controlWakeUps(`${config.seed}:${config.name}`);
await fallInAck();
const { entities, client, close } = await openApp(config, tell);
/** @type {any} */
let acking;

/** ACK is sent, and its answer never read. */
async function fallInAck() {
  const { RedisBuffer } = await built(config.dist, 'write-behind/redis/redis-buffer.js');
  const { ack } = RedisBuffer.prototype;
  RedisBuffer.prototype.ack = function (...args) {
    const sent = ack.apply(this, args);
    if (acking === undefined) return sent;
    const arm = acking;
    acking = undefined;
    return tell({ type: 'struck', arm: arm.id }).then(() => strike(arm));
  };
}

serve({
  wakes,
  arm(arm) {
    if (arm.at === 'acking') acking = arm;
    else client.arm(arm);
  },
  disarm: (id) => client.disarm(id),
  block: (ms) => strike({ act: 'block', ms }),
  stats: (entity) => entities[entity].stats(),
  async close() {
    const begin = performance.now();
    await close();
    return performance.now() - begin;
  },
});
tell('ready');
