import type { RedisLike, SubscribingRedis } from './redis-like.js';

interface SubscriberListener {
  ready(): void;
  lost(): void;
  message(channel: string, text: string): void;
}

/** The connection that hears: one of its own, for a connection that subscribed can do nothing else. */
export class Subscriber {
  private listener: SubscriberListener | undefined;
  private closed = false;

  constructor(
    private readonly client: RedisLike & SubscribingRedis,
    private readonly onError: (error: unknown) => void,
    /** What stands before every key of the app's client: channels have it, too, so that two apps are not mixed up. */
    readonly prefix: string,
  ) {}

  get connected(): boolean {
    return this.client.status === 'ready';
  }

  listen(listener: SubscriberListener): void {
    this.listener = listener;
    this.client.on('ready', this.onReady);
    this.client.on('close', this.onLost);
    this.client.on('message', this.onMessage);
    this.client.on('error', this.onError);
  }

  connect(): void {
    if (this.client.status === 'wait') this.client.connect().catch(() => undefined); // told by the 'error' event
  }

  async subscribe(channels: readonly string[]): Promise<void> {
    await this.client.subscribe(...channels.map((channel) => this.prefix + channel));
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
    // The error listener stays: without one, a late error would end the process.
    this.client.disconnect();
  }

  private readonly onReady = (): void => this.listener?.ready();
  private readonly onLost = (): void => this.listener?.lost();
  private readonly onMessage = (channel: unknown, text: unknown): void =>
    this.listener?.message(String(channel), String(text));
}
