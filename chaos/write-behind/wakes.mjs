// Wake-ups that get lost or come twice: BullMQ's jobs, as they leave this process.
import { Queue } from 'bullmq';
import { randomOf } from '../../scripts/demo/random.mjs';

/** @param {string} seed */
export function controlWakeUps(seed) {
  const random = randomOf(seed);
  const { add } = Queue.prototype;
  const share = { drop: 0, double: 0 };
  Queue.prototype.add = function (name, data, options) {
    if (name === 'flush' && random() < share.drop) return Promise.resolve(undefined);
    if (name === 'flush' && random() < share.double) {
      // Without its deduplication: two jobs for one shard, for two workers at the same time.
      for (let i = 0; i < 2; i++) add.call(this, name, data, { ...options, deduplication: undefined }).catch(() => {});
    }
    return add.call(this, name, data, options);
  };
  return (wanted) => Object.assign(share, { drop: 0, double: 0 }, wanted);
}
