import { CacheUnavailableError } from '../../cache.errors.js';
import type { Clock } from '../../engine/clock.js';
import { Deadlines } from '../../engine/deadlines.js';
import type { Milliseconds } from '../../engine/duration.js';
import { Breaker } from './breaker.js';
import type { RedisLike } from './redis-like.js';
import type { Script } from './script.js';

export interface ConnectionOptions {
  /** Every command is answered or given up within this time. */
  commandTimeout: Milliseconds;
  /** How long `connect` waits for the first connection. */
  connectTimeout: Milliseconds;
  /** How long nothing is sent after several commands in a row were not answered. */
  breakerPause: Milliseconds;
}

type Argument = string | number | Buffer;

/** Who is told of a connection's fate. */
export interface ConnectionListener {
  /** Called before anything else is sent on a new connection. */
  ready(): void;
  lost(): void;
  failed(error: unknown): void;
}

/** One connection for all reads and writes, so that what is sent first takes effect first. A command never hangs. */
export class RedisConnection {
  answered = 0;
  failed = 0;
  notSent = 0;
  private readonly breaker: Breaker;
  private readonly deadlines: Deadlines;
  private readonly listeners = new Set<ConnectionListener>();
  private closed = false;
  /** Scripts that were sent on this connection. */
  private readonly known = new Set<string>();

  constructor(
    private readonly client: RedisLike,
    /** Whether the client is ours to end. */
    private readonly owned: boolean,
    private readonly clock: Clock,
    private readonly options: ConnectionOptions,
  ) {
    this.breaker = new Breaker(clock, options.breakerPause);
    this.deadlines = new Deadlines(clock, options.commandTimeout);
    client.on('ready', this.onReady);
    client.on('close', this.onLost);
    client.on('error', this.onError);
  }

  get ready(): boolean {
    return this.client.status === 'ready' && this.breaker.closed;
  }

  /** Like `ready`, also while the breaker keeps commands back. */
  get connected(): boolean {
    return this.client.status === 'ready';
  }

  listen(listener: ConnectionListener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Ends a connection that says nothing; the client makes a new one. An app's own client is left alone. */
  reconnect(): void {
    if (this.owned && !this.closed) this.client.disconnect(true);
  }

  /** Waits for the first try to connect, for a limited time; answers whether it is there. */
  async connect(): Promise<boolean> {
    if (this.client.status === 'wait') this.client.connect().catch(() => undefined); // told by the 'error' event
    if (this.client.status === 'ready') return true;
    return new Promise((resolve) => {
      const finish = (there: boolean): void => {
        cancel();
        forget();
        resolve(there);
      };
      const cancel = this.clock.after(this.options.connectTimeout, () => finish(false));
      const forget = this.listen({ ready: () => finish(true), lost: () => finish(false), failed: () => {} });
    });
  }

  /** Rejects with `CacheUnavailableError` when the connection is down, does not answer in time, or answers an error. */
  async send(command: string, args: readonly Argument[]): Promise<unknown> {
    if (this.closed || this.client.status !== 'ready' || !this.breaker.admits()) {
      this.notSent++;
      throw new CacheUnavailableError(command, new Error(this.whyNot()));
    }
    try {
      const answer = await this.withDeadline(this.client.callBuffer(command, ...args));
      this.answered++;
      this.breaker.answered();
      return answer;
    } catch (error) {
      if (!isNoScript(error)) this.failed++;
      throw error instanceof CacheUnavailableError ? error : new CacheUnavailableError(command, error);
    }
  }

  /**
   * Runs a script. `ordered`: it must not take effect after what is sent later, so it is not sent again when the server has
   * forgotten it (a restart, `SCRIPT FLUSH`): it fails instead, as if it were lost.
   */
  async run(script: Script, keys: readonly string[], args: readonly Argument[], ordered = false): Promise<unknown> {
    const rest = [keys.length, ...keys, ...args];
    if (!this.known.has(script.sha)) {
      const answer = this.send('EVAL', [script.source, ...rest]);
      // Only if it was really sent; from then on the short form follows it on the same connection.
      if (this.connected) this.known.add(script.sha);
      return answer.catch((error: unknown) => {
        this.known.delete(script.sha);
        throw error;
      });
    }
    try {
      return await this.send('EVALSHA', [script.sha, ...rest]);
    } catch (error) {
      if (!(error instanceof CacheUnavailableError && isNoScript(error.cause))) throw error;
      this.known.delete(script.sha);
      if (ordered) throw error;
      return this.send('EVAL', [script.source, ...rest]);
    }
  }

  /** Sends what `send` is told to in one write: on some machines a write costs more than the command. */
  together(send: () => void): void {
    const { stream } = this.client as { stream?: { cork?(): void; uncork?(): void } };
    stream?.cork?.();
    try {
      send();
    } finally {
      stream?.uncork?.();
    }
  }

  /** The prefix the app's own client puts before every key, which `SCAN` does not know of. */
  get keyPrefix(): string {
    const { options } = this.client as { options?: { keyPrefix?: string } };
    return options?.keyPrefix ?? '';
  }

  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    this.client.off('ready', this.onReady);
    this.client.off('close', this.onLost);
    if (!this.owned) {
      this.client.off('error', this.onError);
      return;
    }
    // The error listener stays: without one, a late error of our own client would end the process.
    if (this.client.status === 'end') return;
    if (this.client.status === 'ready') await this.withDeadline(this.client.quit()).catch(() => undefined);
    this.client.disconnect();
  }

  private withDeadline<T>(work: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const deadline = this.deadlines.start(() => {
        this.breaker.timedOut();
        reject(new CacheUnavailableError('command', new Error(`no answer within ${this.options.commandTimeout} ms`)));
      });
      work.then(
        (answer) => {
          this.deadlines.stop(deadline);
          resolve(answer);
        },
        (error: unknown) => {
          this.deadlines.stop(deadline);
          // An error is an answer, and a lost connection is judged anew when it is back.
          this.breaker.answered();
          reject(error);
        },
      );
    });
  }

  private whyNot(): string {
    if (this.closed) return 'the cache is closed';
    return this.client.status === 'ready' ? 'it did not answer in time lately' : 'there is no connection';
  }

  private readonly onReady = (): void => {
    this.breaker.reset();
    this.known.clear();
    for (const listener of [...this.listeners]) listener.ready();
  };

  private readonly onLost = (): void => {
    for (const listener of [...this.listeners]) listener.lost();
  };

  private readonly onError = (error: unknown): void => {
    for (const listener of [...this.listeners]) listener.failed(error);
  };
}

/** The server does not know the script yet (it is new, or was restarted): no failure, the script is sent in full. */
function isNoScript(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith('NOSCRIPT');
}
