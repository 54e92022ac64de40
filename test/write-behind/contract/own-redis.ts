import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { until } from '../../tiers/redis/rig.js';

const command = (process.env.PATH ?? '')
  .split(delimiter)
  .flatMap((path) => ['redis-server', 'valkey-server'].map((name) => join(path, name)))
  .find((path) => existsSync(path));

/** Not where there is only Docker or a REDIS_URL. */
export const canStartRedis = command !== undefined;

/** A Redis that a spec has for itself, to do to it what others would not like: the end of its memory, forgotten scripts. */
export class OwnRedis {
  readonly folder = mkdtempSync(join(tmpdir(), 'strata-own-redis-'));

  /** The path of its socket, which does for a URL. */
  readonly url = join(this.folder, 'redis.sock');

  private child: ChildProcess | undefined;

  /** @param more arguments of the server, which win over the usual ones */
  constructor(private readonly more: readonly string[] = []) {}

  async start(): Promise<void> {
    const usual = ['--port', '0', '--unixsocket', this.url, '--dir', this.folder, '--save', '', '--appendonly', 'no'];
    const args = [...usual, ...this.more];
    this.child = spawn(command ?? 'redis-server', args, { stdio: 'ignore' });
    process.once('exit', this.kill);
    await until('the own Redis listens', () => this.accepts());
  }

  /** `kill -9`. What it has written to its folder stays, and it may be started again. */
  async crash(): Promise<void> {
    process.off('exit', this.kill);
    if (this.child && this.child.exitCode === null && this.child.signalCode === null) {
      this.kill();
      await once(this.child, 'exit');
    }
  }

  async stop(): Promise<void> {
    await this.crash();
    rmSync(this.folder, { recursive: true, force: true });
  }

  private accepts(): Promise<boolean> {
    return new Promise((resolve) => {
      const socket = connect(this.url);
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
      socket.once('connect', () => socket.destroy());
    });
  }

  private readonly kill = (): void => {
    this.child?.kill('SIGKILL');
  };
}
