// `--mutations`, `--break <name>`: mistakes made on purpose in the package that the storefront runs on. The checker must find each.

/** @type {Record<string, { what: string, rules: number[], faults: string[], make(inside: Inside): void }>} */
export const BREAKS = {
  'no-backup': {
    what: 'ask nobody but the primary',
    rules: [1],
    faults: ['primary-down', 'primary-hangs'],
    make: ({ replace }) =>
      replace(
        'Attempts',
        'failed',
        (failed) =>
          function (...args) {
            this.next = this.request.sources.length;
            return failed.apply(this, args);
          },
      ),
  },
  'no-timeout': {
    what: 'wait for ever for a source',
    rules: [1, 2],
    faults: ['primary-hangs', 'primary-slow'],
    make: ({ replace }) =>
      replace(
        'Source',
        'attempt',
        (attempt) =>
          function (...args) {
            this.timing = undefined;
            return attempt.apply(this, args);
          },
      ),
  },
  'no-breaker': {
    what: 'ask a source that is down again and again',
    rules: [3],
    faults: ['primary-down', 'primary-hangs'],
    make: ({ replace }) =>
      replace(
        'Source',
        'throughBreaker',
        () =>
          function (call) {
            return this.attempt(call, call.signal);
          },
      ),
  },
  'leaky-breaker': {
    what: 'let every fifth call through an open breaker',
    rules: [3],
    faults: ['primary-down', 'primary-hangs'],
    make({ replace }) {
      let calls = 0;
      replace(
        'Source',
        'throughBreaker',
        (throughBreaker) =>
          function (call) {
            return this.broken && ++calls % 5 === 0 ? this.attempt(call, call.signal) : throughBreaker.call(this, call);
          },
      );
    },
  },
  'long-life': {
    what: 'keep what a backup gave as long as what the primary gave',
    rules: [4, 5],
    faults: ['primary-down', 'both-down'],
    make({ replace }) {
      replace(
        'LoadRecord',
        'answered',
        (answered) =>
          function (told) {
            return answered.call(this, { ...told, longest: Number.MAX_SAFE_INTEGER });
          },
      );
      replace('Recovery', 'note', () => () => {});
    },
  },
  'no-recovery': {
    what: 'replace nothing when the primary is back',
    rules: [5],
    faults: ['primary-down', 'both-down'],
    make: ({ replace }) => replace('Recovery', 'note', () => () => {}),
  },
};

/** @typedef {{ replace(name: string, method: string, make: (original: Function) => Function): void }} Inside */

const PLACES = {
  Attempts: 'sources/attempts.js',
  Source: 'sources/source.js',
  Recovery: 'sources/recovery.js',
  LoadRecord: 'engine/load-context.js',
};

// In the process of the storefront, which imports this file before its own.
const mistake = process.env.STRATA_CHAOS_BREAK;
if (mistake !== undefined) {
  const classes = {};
  for (const [name, path] of Object.entries(PLACES))
    classes[name] = (await import(new URL(`../../dist/${path}`, import.meta.url).href))[name];
  BREAKS[mistake].make({
    replace(name, method, make) {
      const { prototype } = classes[name];
      if (typeof prototype[method] !== 'function') throw new Error(`${name} has no ${method} any more`);
      prototype[method] = make(prototype[method]);
    },
  });
}
