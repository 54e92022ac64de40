import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis, type RedisOptions } from 'ioredis';

/** A Redis process of one test, with a folder of its own. */
export interface OwnServer {
  readonly port: number;
  readonly folder: string;
  readonly process: ChildProcess;
  /** A connection for the test. */
  readonly admin: Redis;
  stop(signal?: NodeJS.Signals): Promise<void>;
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

/** Starts servers for one test; `later` ends them. */
export class RedisServers {
  private readonly started: OwnServer[] = [];

  /** `lines`: of its configuration file, besides port and folder. */
  async start(
    lines: readonly string[] = [],
    { sentinel = false, connect = {} as RedisOptions } = {},
  ): Promise<OwnServer> {
    const port = await freePort();
    const folder = mkdtempSync(join(tmpdir(), 'strata-redis-'));
    const file = join(folder, 'redis.conf');
    const plain = lines.some((line) => line.startsWith('tls-port')) ? 'port 0' : `port ${port}`;
    const own = ['bind 127.0.0.1', plain, `dir ${folder}`, 'daemonize no', ...lines].join('\n');
    writeFileSync(file, `${own.replaceAll('$PORT', `${port}`)}\n`);
    const child = spawn('redis-server', sentinel ? [file, '--sentinel'] : [file], { stdio: 'ignore' });
    const admin = new Redis({
      host: '127.0.0.1',
      port,
      retryStrategy: () => 20,
      maxRetriesPerRequest: null,
      ...connect,
    });
    admin.on('error', () => undefined); // until it listens
    const server: OwnServer = {
      port,
      folder,
      process: child,
      admin,
      stop: async (signal = 'SIGKILL') => {
        if (child.exitCode !== null || child.signalCode !== null) return;
        const ended = once(child, 'exit');
        child.kill(signal);
        await ended;
      },
    };
    this.started.push(server);
    await admin.ping();
    return server;
  }

  async end(): Promise<void> {
    for (const { admin, stop, folder } of this.started.reverse()) {
      admin.disconnect();
      await stop();
      rmSync(folder, { recursive: true, force: true });
    }
  }
}
