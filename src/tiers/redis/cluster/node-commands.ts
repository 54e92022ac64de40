import type { Milliseconds } from '../../../engine/duration.js';
import { type CommandParts, RedisCommands } from '../redis-commands.js';
import type { ClusterNames } from './names.js';
import type { CacheNode } from './node.js';
import { asking } from './routing.js';

export interface NodeCommandsOptions
  extends Omit<CommandParts, 'connection' | 'channel' | 'sharded' | 'apart' | 'tracking'> {
  names: ClusterNames;
  message(text: string): void;
  gap(): void;
  safe(sent: Milliseconds): void;
  ready(): void;
  lost(): void;
}

/** What one namespace does with one master. */
export class NodeCommands {
  readonly commands: RedisCommands;
  /** For slots on their way to this master. */
  private asks: RedisCommands | undefined;
  private readonly stops: (() => void)[];
  private readonly channel: string;
  private readonly prefix: string;

  constructor(
    private readonly node: CacheNode,
    private readonly options: NodeCommandsOptions,
  ) {
    const { connection, bus } = node;
    const { names, message, gap, safe, ready, lost } = options;
    this.channel = names.channel;
    this.prefix = connection.keyPrefix;
    this.commands = this.make(connection);
    const stop = connection.listen({ ready, lost, failed: (error) => options.onError('connection', error) });
    this.stops = [stop, bus?.join(this.channel, { message, invalidated: () => {}, gap, safe }) ?? (() => undefined)];
  }

  forms(asks: boolean): RedisCommands {
    if (!asks) return this.commands;
    this.asks ??= this.make(asking(this.node.connection));
    return this.asks;
  }

  close(): void {
    for (const stop of this.stops) stop();
  }

  private make(connection: CommandParts['connection']): RedisCommands {
    const { node, channel, prefix } = this;
    const { names, versions, messages, onError, confirmed } = this.options;
    return new RedisCommands({
      ...{ connection, names, versions, messages, onError, confirmed },
      apart: true,
      tracking: false,
      get sharded() {
        return node.channels.sharded;
      },
      get channel() {
        return node.bus ? prefix + node.channels.told(channel) : '';
      },
    });
  }
}
