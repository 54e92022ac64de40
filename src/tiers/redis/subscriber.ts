import type { RedisLike, SubscribingRedis } from './redis-like.js';
import { type ClientIdentity, INVALIDATIONS, identityOf } from './tracking.js';

interface SubscriberListener {
  ready(): void;
  lost(): void;
  message(channel: string, text: string): void;
  /** Names that the server has tracked for us and that were changed; `null`: all. Only with `tracking`. */
  invalidated(names: readonly string[] | null): void;
}

/** The connection that hears: one of its own, for a connection that subscribed can do nothing else. */
export class Subscriber {
  private listener: SubscriberListener | undefined;
  private closed = false;
  /** Who this connection is to the server, while it is there. Only with `tracking`. */
  identity: ClientIdentity | undefined;
  private connections = 0;

  constructor(
    private readonly client: RedisLike & SubscribingRedis,
    private readonly onError: (error: unknown) => void,
    /** What stands before every key of the app's client: channels have it, too, so that two apps are not mixed up. */
    readonly prefix: string,
    /** Whether the server tells of changed keys over this connection, too. */
    private readonly tracking = false,
  ) {}

  get connected(): boolean {
    return this.client.status === 'ready';
  }

  listen(listener: SubscriberListener): void {
    this.listener = listener;
    this.client.on('ready', this.onReady);
    this.client.on('close', this.onLost);
    this.client.on('message', this.onMessage);
    if (this.tracking) this.client.on('messageBuffer', this.onInvalidation);
    this.client.on('error', this.onError);
  }

  connect(): void {
    if (this.client.status === 'wait') this.client.connect().catch(() => undefined); // told by the 'error' event
  }

  async subscribe(channels: readonly string[]): Promise<void> {
    const names = channels.map((channel) => this.prefix + channel);
    await this.client.subscribe(...(this.tracking ? [INVALIDATIONS, ...names] : names));
  }

  /** Ends a connection that says nothing; the client makes a new one. */
  reconnect(): void {
    this.client.disconnect(true);
  }

  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    this.client.off('ready', this.onReady);
    this.client.off('close', this.onLost);
    this.client.off('message', this.onMessage);
    this.client.off('messageBuffer', this.onInvalidation);
    // The error listener stays: without one, a late error would end the process.
    this.client.disconnect();
  }

  private readonly onReady = (): void => {
    if (this.tracking) void this.identify();
    else this.listener?.ready();
  };

  /** Before it subscribes: afterwards it may not ask any more. */
  private async identify(): Promise<void> {
    const connection = ++this.connections;
    let identity: ClientIdentity | undefined;
    try {
      identity = await identityOf((command, args) => this.client.callBuffer(command, ...args));
    } catch (error) {
      if (connection === this.connections && !this.closed) this.onError(error);
    }
    if (connection !== this.connections || this.closed) return;
    this.identity = identity;
    this.listener?.ready();
  }

  private readonly onLost = (): void => {
    this.connections++;
    this.identity = undefined;
    this.listener?.lost();
  };

  private readonly onMessage = (channel: unknown, text: unknown): void => {
    if (channel !== INVALIDATIONS) this.receive(String(channel), String(text));
  };

  /** Unlike messages, these are lists of names, or nothing at all. */
  private readonly onInvalidation = (channel: unknown, names: unknown): void => {
    if (String(channel) === INVALIDATIONS) this.listener?.invalidated(namesIn(names));
  };

  protected receive(channel: string, text: string): void {
    this.listener?.message(channel, text);
  }

  /** As after a new connection. */
  protected subscribeAnew(): void {
    this.listener?.ready();
  }
}

function namesIn(payload: unknown): readonly string[] | null {
  return Array.isArray(payload) ? payload.map(String) : null;
}
