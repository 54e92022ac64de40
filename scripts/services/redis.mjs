// A local Redis. No npm package brings a server, so it is the one on the PATH, else the system's package.

import { launch } from './launch.mjs';
import { serverPid } from './probe.mjs';
import { run, which } from './processes.mjs';

// Valkey is the same server under another name; some distributions have only that.
const COMMANDS = ['redis-server', 'valkey-server'];

/**
 * @param {object} options
 * @param {string} options.folder
 * @param {string} options.command from findRedisServer
 * @param {number} [options.preferredPort]
 * @param {import('./launch.mjs').OnSpawn} options.onSpawn
 */
export function startRedis({ folder, command, preferredPort, onSpawn }) {
  return launch(
    {
      name: 'Redis',
      command,
      // As an application would run it that keeps more than a cache in there: an append-only file, and no eviction.
      args: (port) =>
        // biome-ignore format: one setting per line
        [
          '--port', `${port}`,
          '--bind', '127.0.0.1',
          '--dir', folder,
          '--appendonly', 'yes',
          '--save', '',
          '--maxmemory-policy', 'noeviction',
          '--daemonize', 'no',
        ],
      url: (port) => `redis://127.0.0.1:${port}`,
      askPid: serverPid.redis,
      folder,
      preferredPort,
      stopSignal: 'SIGTERM',
    },
    onSpawn,
  );
}

/**
 * @param {(line: string) => void} log
 * @returns {Promise<string>} the path of a Redis server; installs one where that is possible
 */
export async function findRedisServer(log) {
  const find = () => COMMANDS.map(which).find(Boolean);
  const found = find();
  if (found) return found;
  const why = await installRedis(log);
  const installed = find();
  if (installed) return installed;
  throw new Error(
    [
      `No Redis server: REDIS_URL is not set, no Docker engine answers, there is no redis-server on the PATH, and ${why}`,
      'Ways out, any of them:',
      '  - set REDIS_URL=redis://host:port to a Redis that may be used (only keys of a random namespace are written)',
      '  - start Docker: docker-compose.yml is then used by itself',
      '  - install it: apt-get install redis-server (Debian, Ubuntu), brew install redis (macOS), dnf install valkey (Fedora)',
    ].join('\n'),
  );
}

/**
 * @param {(line: string) => void} log
 * @returns {Promise<string>} why there may still be none
 */
async function installRedis(log) {
  if (process.env.STRATA_SERVICES_INSTALL === 'never') return 'STRATA_SERVICES_INSTALL=never forbids installing it.';
  if (!which('apt-get') || !which('flock')) return 'it can be installed by itself on Debian and Ubuntu only.';
  if (process.getuid?.() !== 0) return 'only root can install it.';

  log('Redis: no redis-server on the PATH, installing the package redis-server with apt-get (once per machine) ...');
  // One at a time on this machine (the lock goes when its holder does), and whoever comes second finds it there. The
  // install is tried even after a failed update: an unreachable extra source fails the update, yet the lists may do.
  const script = [
    'command -v redis-server && exit 0',
    'apt-get -qq update',
    'apt-get -qq -y -o DPkg::Lock::Timeout=300 install --no-install-recommends redis-server',
  ].join('; ');
  const { ok, output } = await run('flock', ['/run/nestjs-strata-apt.lock', 'sh', '-c', script], {
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  });
  if (ok) log('Redis: installed.');
  return ok ? 'apt-get has not put one there.' : `apt-get could not install it: ${output}`;
}
