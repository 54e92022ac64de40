/**
 * What we need of an ioredis client (5 or 6), described by its shape, so that our types do not depend on the version the
 * app has installed.
 */
export interface RedisLike {
  readonly status: string;
  callBuffer(command: string, ...args: (string | number | Buffer)[]): Promise<unknown>;
  on(event: string, listener: (...args: unknown[]) => void): unknown;
  off(event: string, listener: (...args: unknown[]) => void): unknown;
  connect(): Promise<unknown>;
  quit(): Promise<unknown>;
  /** A further client of the same server, not connected yet if `lazyConnect`. */
  duplicate?(options: object): unknown;
  /** `reconnect`: only the connection ends, and the client makes a new one. */
  disconnect(reconnect?: boolean): void;
}

/** What a client that hears messages can do besides. */
export interface SubscribingRedis {
  subscribe(...channels: string[]): Promise<unknown>;
}
