// A process that flushes, until it is told how to fail.

import { config, serve, tell } from '../lib/link.mjs';
import { built, openApp } from './app.mjs';
import { strike } from './faulty-client.mjs';
import { controlWakeUps } from './wakes.mjs';

const wakes = controlWakeUps(`${config.seed}:${config.name}`);
const AROUND_ACK = new Set(['acking', 'unacked']);
/** @type {any} */
let acking;
await fallInAck();
const { entities, client, close } = await openApp(config, tell);

/** acking: ACK is sent, and its answer never read. unacked: it is sent, but later. */
async function fallInAck() {
  const { RedisBuffer } = await built(config.dist, 'write-behind/redis/redis-buffer.js');
  const { ack } = RedisBuffer.prototype;
  RedisBuffer.prototype.ack = async function (shard, writes) {
    const arm = acking;
    if (arm === undefined || (arm.key !== undefined && !writes.some(({ key }) => key === arm.key))) {
      return ack.call(this, shard, writes);
    }
    acking = undefined;
    const sent = arm.at === 'acking' ? ack.call(this, shard, writes) : undefined;
    await tell({ type: 'struck', arm: arm.id });
    await strike(arm);
    return sent ?? ack.call(this, shard, writes);
  };
}

serve({
  wakes,
  arm(arm) {
    if (AROUND_ACK.has(arm.at)) acking = arm;
    else client.arm(arm);
  },
  disarm(id) {
    if (acking?.id === id) acking = undefined;
    return client.disarm(id);
  },
  block: (ms) => strike({ act: 'block', ms }),
  stats: (entity) => entities[entity].stats(),
  async close() {
    const begin = performance.now();
    await close();
    return performance.now() - begin;
  },
});
tell('ready');
