import type { RedisLike, SubscribingRedis } from '../redis-like.js';
import { Subscriber } from '../subscriber.js';
import { NodeChannels } from './channels.js';
import type { NodeView } from './view.js';

/** What a client that hears sharded channels can do besides. */
interface ShardSubscribingRedis extends SubscribingRedis {
  ssubscribe(channel: string): Promise<unknown>;
}

export interface ShardSubscriberOptions {
  view: NodeView;
  echoName: string;
  keyPrefix: string;
  onError(error: unknown): void;
  /** An echo came from a node that has other slots than we know of. */
  doubt(): void;
}

/**
 * Hears what is told on one master. An echo counts only if the master has the slots that we know of, because only then are
 * we subscribed to all channels on which anybody can tell something there.
 */
export class ShardSubscriber extends Subscriber {
  private channels: NodeChannels;
  private view: NodeView;
  /** Anchors to which we are subscribed. */
  private heard = new Set<string>();
  /** Of the view to whose anchors we are subscribed. */
  private signature: string | undefined;
  private subscribing = 0;

  constructor(
    private readonly redis: RedisLike & ShardSubscribingRedis,
    private readonly own: ShardSubscriberOptions,
  ) {
    super(redis, own.onError, own.keyPrefix);
    this.view = own.view;
    this.channels = new NodeChannels(own.view);
    // Slots with channels of ours went away, or, in older versions of ioredis, what it makes of that.
    redis.on('moved', this.onMoved);
    redis.on('error', this.onDisorder);
    redis.on('smessage', this.onSharded);
    redis.on('close', this.forget);
  }

  /** What the master tells of itself now. New anchors are subscribed to, which is a gap; losing some is none. */
  look(view: NodeView): void {
    // It has not answered: what it said before is as good as before.
    if (view.signature === undefined && this.signature !== undefined) return;
    if (view !== this.view) {
      this.view = view;
      this.channels = new NodeChannels(view);
    }
    if (!this.connected || this.subscribing > 0) return;
    const { anchors } = this.channels;
    if (this.signature === undefined || anchors.some((tag) => !this.heard.has(tag))) {
      this.signature = undefined;
      this.subscribeAnew();
      return;
    }
    this.heard = new Set(anchors);
    this.signature = view.signature;
  }

  override async subscribe(channels: readonly string[]): Promise<void> {
    const { view, prefix } = this;
    const { anchors, sharded } = this.channels;
    const { echoName } = this.own;
    const answers = channels.flatMap((channel) => {
      if (channel === echoName && sharded) return [this.redis.ssubscribe(prefix + this.channels.told(channel))];
      return anchors.map((tag) => this.redis.ssubscribe(`${prefix}${channel}:{${tag}}`));
    });
    answers.push(this.redis.subscribe(...channels.map((channel) => `${prefix}${channel}:${view.id}`)).then(() => 0));
    this.subscribing++;
    try {
      await Promise.all(answers);
    } catch (error) {
      this.own.doubt();
      throw error;
    } finally {
      this.subscribing--;
    }
    this.heard = new Set(anchors);
    this.signature = view.signature;
    // It has changed meanwhile.
    if (view !== this.view) this.own.doubt();
  }

  override async close(): Promise<void> {
    this.redis.off('moved', this.onMoved);
    this.redis.off('smessage', this.onSharded);
    this.redis.off('close', this.forget);
    await super.close();
  }

  protected override receive(channel: string, text: string): void {
    const name = channel.slice(0, channel.lastIndexOf(':'));
    if (name !== this.prefix + this.own.echoName) {
      super.receive(name, text);
      return;
    }
    const [number = '', signature] = text.split(' ');
    if (signature === this.signature) super.receive(name, number);
    else this.own.doubt();
  }

  private readonly onSharded = (channel: unknown, text: unknown): void => this.receive(String(channel), String(text));

  /** With the next look at the cluster everything is subscribed to anew. */
  private readonly onMoved = (): void => {
    this.signature = undefined;
    this.own.doubt();
  };

  private readonly forget = (): void => {
    this.signature = undefined;
    this.heard.clear();
  };

  private readonly onDisorder = (error: unknown): void => {
    if (error instanceof Error && error.message.startsWith('Command queue state error')) this.reconnect();
  };
}
