#!/usr/bin/env node
/** `npm run bench`: the rows, or with a name one of the suites that measure something else than operations per second. */
const SUITES = {
  advice: './advice/run.mjs',
  eviction: './eviction/run.mjs',
  jobs: './jobs/run.mjs',
  memory: './memory/run.mjs',
};

const [name] = process.argv.slice(2);
await import(SUITES[name] ?? './run.mjs');
