// npm run services -- up | down | status
//
// Progress goes to stderr and the result to stdout, so that this works too:
//   npm run --silent services up > .env

import { down, status, up } from './services/up.mjs';

const USAGE = `Usage: npm run services -- <command>

  up       start PostgreSQL and Redis in the background (data in .services/) and print their URLs
  down     stop them; the data stays
  status   tell what runs
`;

const progress = (/** @type {string} */ line) => process.stderr.write(`${line}\n`);
const print = (/** @type {string[]} */ lines) => process.stdout.write(`${lines.join('\n')}\n`);

/** @type {Record<string, () => Promise<unknown>>} */
const commands = {
  up: async () => print(await up(progress)),
  down: () => down(progress),
  status: async () => print(await status()),
};

process.umask(0o022); // the user that runs Postgres has to read what is written here
const command = commands[process.argv[2] ?? ''];
if (!command) {
  progress(USAGE);
  process.exitCode = 2;
} else {
  try {
    await command();
  } catch (error) {
    progress(/** @type {Error} */ (error).message);
    process.exitCode = 1;
  }
}
