import { parseArgs } from 'node:util';

export const USAGE = `Usage: npm run load -- [options]

  --concurrency N        callers at once, each waits for its answer before it asks again (default 64)
  --duration SECONDS     how long, after a warm-up of a tenth of it (default 10)
  --mix get=90,set=8,delete=2   parts of each operation
  --keys N               different keys (default 10000)
  --distribution NAME    zipf (few keys are asked for most, default) or uniform
  --skew X               of zipf (default 0.99)
  --value-size BYTES     of a value as JSON, about (default 1024)
  --load-ms MS           a get that finds nothing loads the value, which takes so long (default 2); off: it is just a miss
  --max-entries N        of the memory tier (default 10000)
  --eviction NAME        of the memory tier: s3-fifo (default), lru, lfu
  --redis URL | own      with a Redis behind memory; own: one that is started for the test. Default: memory only
  --tiers redis          with --redis: no memory tier
  --out FILE             the report as a page (default load-report.html)
  --seed N               of keys and operations (default 1)`;

const OPERATIONS = ['get', 'set', 'delete'];

/** @param {string[]} argv */
export function parseOptions(argv) {
  const { values } = parseArgs({
    args: argv,
    options: {
      concurrency: { type: 'string', default: '64' },
      duration: { type: 'string', default: '10' },
      mix: { type: 'string', default: 'get=90,set=8,delete=2' },
      keys: { type: 'string', default: '10000' },
      distribution: { type: 'string', default: 'zipf' },
      skew: { type: 'string', default: '0.99' },
      'value-size': { type: 'string', default: '1024' },
      'load-ms': { type: 'string', default: '2' },
      'max-entries': { type: 'string', default: '10000' },
      eviction: { type: 'string', default: 's3-fifo' },
      redis: { type: 'string' },
      tiers: { type: 'string', default: 'both' },
      out: { type: 'string', default: 'load-report.html' },
      seed: { type: 'string', default: '1' },
      help: { type: 'boolean', default: false },
    },
  });
  const number = (name, least, whole = true) => {
    const value = Number(values[name]);
    if (!(value >= least) || !Number.isFinite(value) || (whole && !Number.isInteger(value))) {
      throw new Error(`--${name} ${values[name]}: a ${whole ? 'whole ' : ''}number from ${least}`);
    }
    return value;
  };
  const oneOf = (name, allowed) => {
    if (!allowed.includes(values[name])) throw new Error(`--${name} ${values[name]}: ${allowed.join(' or ')}`);
    return values[name];
  };
  if (values.tiers !== 'both' && !values.redis) throw new Error('--tiers redis needs --redis');
  return {
    help: values.help,
    concurrency: number('concurrency', 1),
    duration: number('duration', 0.5, false),
    mix: parseMix(values.mix),
    keys: number('keys', 1),
    distribution: oneOf('distribution', ['zipf', 'uniform']),
    skew: number('skew', 0, false),
    valueSize: number('value-size', 1),
    loadMs: values['load-ms'] === 'off' ? undefined : number('load-ms', 0, false),
    maxEntries: number('max-entries', 1),
    eviction: oneOf('eviction', ['s3-fifo', 'lru', 'lfu']),
    redis: values.redis,
    memory: oneOf('tiers', ['both', 'redis']) === 'both',
    out: values.out,
    seed: number('seed', 0),
  };
}

/** @returns {Record<string, number>} parts that add up to 1 */
function parseMix(text) {
  const parts = Object.fromEntries(
    text.split(',').map((part) => {
      const [name, weight] = part.split('=');
      if (!OPERATIONS.includes(name) || !(Number(weight) >= 0)) {
        throw new Error(`--mix ${text}: parts of ${OPERATIONS.join(', ')}, such as get=90,set=8,delete=2`);
      }
      return [name, Number(weight)];
    }),
  );
  const sum = Object.values(parts).reduce((total, part) => total + part, 0);
  if (sum === 0) throw new Error(`--mix ${text}: nothing to do`);
  return Object.fromEntries(OPERATIONS.map((name) => [name, (parts[name] ?? 0) / sum]));
}
