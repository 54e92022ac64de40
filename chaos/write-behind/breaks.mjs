// `--mutations`, `--break <name>`: mistakes made on purpose, in all processes of a run. Each must be found by the checker, or
// the checker is none. They reach into the build, and say so when it has changed under them.
import { breakBuild } from '../lib/breaks.mjs';

/** The condition of the fence. */
const FENCE = 'WHERE f.epoch <= excluded.epoch';

/** How ACK finds a dead letter that is not newer than what was written. */
const LETTER_CHECK = "if letter and tonumber(string.match(letter, '^%d+')) <= tonumber(acked) then";

/**
 * `rules` are those that it breaks, one of them at least has to be found; `faults` are what it takes to show.
 * @type {Record<string, { what: string, rules: number[], faults: string[], make(inside: import('../lib/breaks.mjs').Inside): void | Promise<{ rewrite(query: string): string }> }>}
 */
export const BREAKS = {
  'ack-early': {
    what: 'acknowledge before COMMIT',
    rules: [1, 6],
    faults: ['kill-begin', 'kill-written'],
    make: ({ replace }) =>
      replace(
        'Flusher',
        'attempt',
        (attempt) =>
          async function (run, writes) {
            await this.buffer.ack(run.shard, writes);
            return attempt.call(this, run, writes);
          },
      ),
  },
  'claim-removes': {
    what: 'take entries off the queue before they are written',
    rules: [1, 2, 6],
    faults: ['kill-begin', 'kill-written'],
    make: ({ edit }) =>
      edit(
        'CLAIM',
        '= key, version, payload\n',
        "= key, version, payload\n    redis.call('ZREM', KEYS[1], key) redis.call('HDEL', KEYS[2], key) redis.call('HDEL', KEYS[3], key)\n",
      ),
  },
  'no-fence': {
    what: 'skip the fence',
    rules: [5],
    faults: ['pause-delete', 'pause-newer'],
    async make({ has }) {
      await has('write-behind/prisma/statements.js', FENCE);
      return { rewrite: (query) => query.replace(FENCE, '') };
    },
  },
  'same-epoch': {
    what: 'claim without a new epoch',
    rules: [5],
    faults: ['pause-delete', 'pause-newer'],
    make: ({ edit }) => edit('CLAIM', 'epoch = math.max(epoch + 1, micros)', 'epoch = math.max(epoch, 1)'),
  },
  'blind-ack': {
    what: 'acknowledge without comparing versions',
    rules: [1, 2, 6],
    faults: [],
    make: ({ edit }) => edit('ACK', 'if versions[place] == acked then', 'if versions[place] then'),
  },
  'blind-patch': {
    what: 'patch without comparing states',
    rules: [7, 10],
    faults: [],
    make: ({ edit }) => edit('MARK', "expected ~= '' and state ~= expected", 'false'),
  },
  'leak-payload': {
    what: 'ACK leaves the payload behind',
    rules: [3],
    faults: [],
    make: ({ edit }) => edit('ACK', "redis.call('HDEL', KEYS[3], unpack(done))", ''),
  },
  'version-back': {
    what: 'versions from a coarse clock',
    rules: [4],
    faults: [],
    make: ({ edit }) => edit('MARK', 'last = math.max(last + 1, micros)', 'last = micros - micros % 500000'),
  },
  'stale-read': {
    what: 'read Postgres while a row is dirty',
    rules: [7],
    faults: [],
    make({ edit }) {
      edit('MARK', 'if ttl > 0 then', 'if false then');
      edit('READ', '  if version then', '  if version and tonumber(version) % 2 == 0 then');
    },
  },
  'no-sweep': {
    what: 'never sweep',
    rules: [8],
    faults: ['wakes-none'],
    make: ({ replace }) => replace('WriteBehindRuntime', 'sweep', () => async () => {}),
  },
  'drop-poison': {
    what: 'drop what the database refuses',
    rules: [1, 6],
    faults: ['poison'],
    make: ({ edit }) => edit('FAIL', "redis.call('HSET', KEYS[6], key, letter)", ''),
  },
  'letter-lost': {
    what: 'ACK of an old version deletes a newer dead letter',
    rules: [1, 6],
    faults: ['pause-letter', 'pause-letter'],
    make: ({ edit }) => edit('ACK', LETTER_CHECK, 'if letter then'),
  },
  'outage-counts': {
    what: 'charge attempts for an outage',
    rules: [1],
    faults: ['postgres-stop', 'postgres-stop'],
    make: ({ replace }) =>
      replace(
        'Flusher',
        'attempt',
        (attempt) =>
          function (run, writes) {
            return attempt.call(this, run, writes).catch((error) => {
              throw error.code ? Object.assign(new Error('broken'), { code: '22000' }) : error;
            });
          },
      ),
  },
};

/** Where the build has what is replaced. */
const PLACES = {
  Flusher: 'write-behind/flusher.js',
  WriteBehindRuntime: 'write-behind/write-behind.runtime.js',
};

/** @param {string | undefined} name @param {string} dist */
export async function applyBreak(name, dist) {
  if (name === undefined) return {};
  return (await breakBuild(name, BREAKS[name].make, dist, PLACES, 'write-behind/redis/scripts.js')) ?? {};
}
