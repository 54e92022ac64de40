import { randomUUID } from 'node:crypto';
import { CacheError } from '../../cache.errors.js';
import { type Clock, SystemClock } from '../../engine/clock.js';
import type { Milliseconds } from '../../engine/duration.js';
import type { PostgresClientLike } from './client-like.js';
import { probeMessage } from './message.js';
import { quoteName, quoteText } from './names.js';

/** How long connecting, or one statement, may take. */
const PATIENCE = 5_000;
const FIRST_RETRY = 100;
const LONGEST_RETRY = 5_000;

/** What a listener tells. */
export interface ListenerEvents {
  heard(text: string | undefined): void;
  /** It listens. `first`: for the first time. Awaited by `start`. */
  listening(first: boolean): Promise<void>;
  lost(): void;
  trouble(error: unknown): void;
}

/** A connection that listens to a channel, and is replaced when it is lost. */
export class ChannelListener {
  private client: PostgresClientLike | undefined;
  private listened = false;
  private readonly stopping = new AbortController();
  private delay: Milliseconds = FIRST_RETRY;
  private cancel: (() => void) | undefined;
  /** The current attempt, for `stop`. */
  private attempt: Promise<void> = Promise.resolve();
  private probe: { token: string; heard: () => void } | undefined;

  constructor(
    private readonly make: () => PostgresClientLike | Promise<PostgresClientLike>,
    private readonly channel: string,
    private readonly heartbeat: Milliseconds,
    private readonly events: ListenerEvents,
    /** Networks do not know of the cache's clock. */
    private readonly clock: Clock = new SystemClock(),
  ) {}

  /** Resolves when it listens, or when the first attempt has failed; then it goes on trying. */
  start(): Promise<void> {
    this.attempt = this.connect();
    return this.attempt;
  }

  async stop(): Promise<void> {
    this.stopping.abort(new Error('The app is stopped.'));
    this.cancel?.();
    const { client } = this;
    this.client = undefined;
    await this.attempt;
    await client?.end().catch(() => undefined);
  }

  /** The answer to our own question has come. */
  answered(token: string): void {
    if (this.probe?.token === token) this.probe.heard();
  }

  private async connect(): Promise<void> {
    let client: PostgresClientLike | undefined;
    try {
      client = await this.within(Promise.resolve(this.make()), 'connect');
      await this.within(this.listen(client), 'listen');
    } catch (error) {
      if (client) this.discard(client);
      if (this.stopping.signal.aborted) return;
      this.events.trouble(error);
      this.retry();
      return;
    }
    // It may have been lost meanwhile, or the app stopped.
    if (this.client !== client) return;
    this.delay = FIRST_RETRY;
    const first = !this.listened;
    this.listened = true;
    this.beat(client);
    await this.events.listening(first);
  }

  private async listen(client: PostgresClientLike): Promise<void> {
    let fail!: (error: Error) => void;
    const broken = new Promise<never>((_resolve, reject) => {
      fail = reject;
    });
    const gone = (error = new Error('The connection has ended.')): void => {
      fail(error);
      this.lose(client);
    };
    broken.catch(() => undefined);
    client.on('error', gone);
    client.on('end', gone);
    client.on('notification', ({ channel, payload }) => {
      if (channel === this.channel) this.events.heard(payload);
    });
    await client.connect();
    await client.query(`LISTEN ${quoteName(this.channel)}`);
    // A pooler takes LISTEN and hears nothing: only what has come through proves that something will.
    const token = randomUUID();
    const heard = new Promise<void>((resolve) => {
      this.probe = { token, heard: resolve };
    });
    await client.query(`SELECT pg_notify(${quoteText(this.channel)}, ${quoteText(probeMessage(token))})`);
    await Promise.race([heard, broken]);
    this.stopping.signal.throwIfAborted();
    this.client = client;
  }

  /** A connection may be dead without anybody telling: asks now and then. */
  private beat(client: PostgresClientLike): void {
    this.cancel = this.clock.after(this.heartbeat, () => {
      this.within(client.query('SELECT 1'), 'heartbeat').then(
        () => {
          if (this.client === client) this.beat(client);
        },
        () => this.lose(client),
      );
    });
  }

  private lose(client: PostgresClientLike): void {
    if (this.client !== client) return;
    this.client = undefined;
    this.discard(client);
    this.events.lost();
    this.retry();
  }

  private discard(client: PostgresClientLike): void {
    client.end().catch(() => undefined);
  }

  private retry(): void {
    if (this.stopping.signal.aborted) return;
    this.cancel?.();
    this.cancel = this.clock.after(this.delay, () => {
      this.attempt = this.connect();
    });
    this.delay = Math.min(this.delay * 2, LONGEST_RETRY);
  }

  /** Rejects when it takes too long, or the app stops. */
  private within<T>(work: Promise<T>, what: string): Promise<T> {
    const { signal } = this.stopping;
    return new Promise<T>((resolve, reject) => {
      const stop = (): void => reject(signal.reason);
      const late = new PostgresListenError(what);
      const cancel = this.clock.after(PATIENCE, () => reject(late));
      signal.addEventListener('abort', stop);
      if (signal.aborted) stop();
      const done = (): void => {
        cancel();
        signal.removeEventListener('abort', stop);
      };
      work.then(resolve, reject).finally(done);
    });
  }
}

class PostgresListenError extends CacheError {
  constructor(what: string) {
    super(
      'CACHE_INVALIDATION_SOURCE',
      `Postgres did not answer "${what}" within ${PATIENCE} ms.`,
      'If it is there: connect to it directly; a pooler such as PgBouncer does not pass notifications on.',
    );
  }
}
