import type { Clock } from '../../engine/clock.js';
import type { RemoteServer } from '../tier.js';
import { newClient, type RedisPlace } from './client.js';
import { type ConnectionOptions, RedisConnection } from './connection.js';
import type { RedisLike } from './redis-like.js';
import type { Script } from './script.js';

/** The Redis of a tier for write-behind: a connection of its own, and further ones for BullMQ. */
export class RedisServer implements RemoteServer {
  private readonly connection: RedisConnection;

  constructor(
    private readonly place: RedisPlace,
    clock: Clock,
    private readonly options: ConnectionOptions,
  ) {
    this.connection = new RedisConnection(newClient(place, options.connectTimeout), true, clock, options);
  }

  get ready(): boolean {
    return this.connection.ready;
  }

  get keyPrefix(): string {
    return this.connection.keyPrefix;
  }

  connect(): Promise<boolean> {
    return this.connection.connect();
  }

  send(command: string, args: readonly (string | number)[]): Promise<unknown> {
    return this.connection.send(command, args);
  }

  askFor(_key: string, command: string, args: readonly (string | number)[]): Promise<unknown> {
    return this.connection.send(command, args);
  }

  async askAll(command: string, args: readonly (string | number)[]): Promise<unknown[]> {
    return [await this.connection.send(command, args)];
  }

  run(script: Script, keys: readonly string[], args: readonly (string | number)[], ordered = false): Promise<unknown> {
    return this.connection.run(script, keys, args, ordered);
  }

  together(send: () => void): void {
    this.connection.together(send);
  }

  duplicate(options: Readonly<Record<string, unknown>>): RedisLike {
    return newClient(this.place, this.options.connectTimeout, options);
  }

  close(): Promise<void> {
    return this.connection.close();
  }
}
