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
  disconnect(): void;
}
