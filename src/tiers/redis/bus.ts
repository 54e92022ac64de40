import { atMost } from '../../engine/at-most.js';
import { type Clock, elapsed, SystemClock } from '../../engine/clock.js';
import { FOREVER, type Milliseconds } from '../../engine/duration.js';
import type { BusStats, Trust } from '../tier.js';
import type { RedisConnection } from './connection.js';
import { ECHO } from './scripts.js';
import type { Subscriber } from './subscriber.js';

/** So many echoes within the bound: one may get lost without consequence. */
const ECHOES_PER_BOUND = 4;

export interface BusOptions {
  bound: Milliseconds;
  /** How long the first echo may take. */
  connectTimeout: Milliseconds;
  /** Name of this process's channel and key. */
  echoName: string;
}

/** Who wants the messages of a channel. */
export interface BusListener {
  message(text: string): void;
  /** Subscribed anew: messages may have been missed. */
  gap(): void;
  /** What Redis confirmed before `sent` (by `elapsed`) had its effect, and is known by an echo to have had it. */
  safe(sent: Milliseconds): void;
}

/**
 * Hears what other processes change, and knows how far back that is complete. Every now and then the process says something
 * to Redis through its command connection and hears it on its subscriber connection: by then it has heard everything that
 * was published before it spoke. So memory may be believed for `bound` from when it *spoke*: a lease that it renews itself,
 * whatever delays, half-open connections or pauses there are. No clock is compared with that of anybody else.
 */
export class Bus implements Trust {
  until: Milliseconds = 0;
  readonly bound: Milliseconds;
  private readonly listeners = new Map<string, Set<BusListener>>();
  private spoken = 0;
  /** When the calls were made whose echo is awaited, by their number. */
  private readonly awaited = new Map<
    number,
    { at: Milliseconds; wall: Milliseconds; then: (heard: boolean) => void }
  >();
  private lastHeard: Milliseconds;
  private lastAnswered: Milliseconds;
  private subscribed = false;
  private subscription = 0;
  private lag: Milliseconds | undefined;
  private gaps = -1; // the first subscription misses nothing
  private closed = false;
  private cancel: (() => void) | undefined;
  private readonly stops: (() => void)[];
  /** A clock of tests that stands still cannot measure a lease: with it a lease lasts as long as the connections. */
  private readonly measured: boolean;
  private readonly time: Clock;
  private first: () => void = () => {};
  private readonly started = new Promise<void>((resolve) => {
    this.first = resolve;
  });

  constructor(
    private readonly connection: RedisConnection,
    private readonly subscriber: Subscriber,
    private readonly clock: Clock,
    private readonly options: BusOptions,
    private readonly onError: (error: unknown) => void,
  ) {
    this.bound = options.bound;
    this.measured = clock.elapsed !== undefined;
    this.time = this.measured ? clock : new SystemClock();
    this.lastHeard = this.lastAnswered = this.elapsed();
    this.stops = [
      clock.onSetBack?.(() => this.endLease()) ?? (() => undefined),
      connection.listen({ ready: () => void this.speak(), lost: () => this.lost(), failed: () => {} }),
    ];
    subscriber.listen({
      ready: () => void this.subscribe(),
      lost: () => this.lost(),
      message: (channel, text) => this.receive(channel, text),
    });
  }

  /** Begins to listen. `wait`: for the first echo, within a deadline; whether it came. */
  async start(wait: boolean): Promise<boolean> {
    this.subscriber.connect();
    this.cancel ??= this.again();
    return wait && atMost(this.options.connectTimeout, this.started);
  }

  /** The time by which `safe` tells. */
  elapsed(): Milliseconds {
    return elapsed(this.time);
  }

  join(channel: string, listener: BusListener): () => void {
    let set = this.listeners.get(channel);
    if (!set) {
      set = new Set();
      this.listeners.set(channel, set);
      if (this.subscribed) void this.subscribe();
    }
    set.add(listener);
    return () => set.delete(listener);
  }

  /** Whether the echo of a call made now comes. */
  settle(): Promise<boolean> {
    return this.speak();
  }

  /** Waits for something that is to be heard of, but no longer than the bound: a message may get lost. */
  async atMost(heard: Promise<void>): Promise<void> {
    await atMost(this.bound, heard, this.time);
  }

  /** What is known here, without what its listeners know. */
  stats(): Pick<BusStats, 'lease' | 'lag' | 'gaps'> {
    return { lease: this.clock.now() < this.until, lag: this.lag, gaps: Math.max(0, this.gaps) };
  }

  async close(): Promise<void> {
    this.closed = true;
    this.cancel?.();
    for (const stop of this.stops) stop();
    this.forgetEchoes();
    await this.subscriber.close();
  }

  /** Says something, and answers whether it was heard. */
  private speak(): Promise<boolean> {
    if (this.closed || !this.subscribed || !this.connection.connected) return Promise.resolve(false);
    const number = ++this.spoken;
    const { echoName, bound } = this.options;
    const echo = new Promise<boolean>((then) => {
      this.awaited.set(number, { at: this.elapsed(), wall: this.clock.now(), then });
    });
    // Others take a process without this key for dead.
    const life = Math.max(1_000, 2 * Math.ceil(bound));
    this.connection.run(ECHO, [echoName], [number, life, this.subscriber.prefix + echoName]).then(
      () => {
        this.lastAnswered = this.elapsed();
      },
      () => this.forgetEcho(number),
    );
    return echo;
  }

  private receive(channel: string, text: string): void {
    const name = channel.slice(this.subscriber.prefix.length);
    if (name === this.options.echoName) {
      this.echoed(Number(text));
      return;
    }
    for (const listener of this.listeners.get(name) ?? []) listener.message(text);
  }

  private echoed(number: number): void {
    const call = this.awaited.get(number);
    if (!call || !this.subscribed) return;
    // Connections keep their order: calls before it whose echo did not come were not executed.
    for (const [older] of this.awaited) if (older < number) this.forgetEcho(older);
    this.awaited.delete(number);
    this.lastHeard = this.elapsed();
    this.lag = this.lastHeard - call.at;
    this.until = this.measured ? Math.max(this.until, call.wall + this.bound) : FOREVER;
    this.everybody((listener) => listener.safe(call.at));
    call.then(true);
    this.first();
  }

  private async subscribe(): Promise<void> {
    const own = ++this.subscription;
    try {
      await this.subscriber.subscribe([this.options.echoName, ...this.listeners.keys()]);
    } catch (error) {
      if (own === this.subscription && !this.closed) this.onError(error);
      return;
    }
    if (own !== this.subscription || this.closed) return;
    this.subscribed = true;
    this.gaps++;
    this.forgetEchoes();
    this.everybody((listener) => listener.gap());
    void this.speak();
  }

  private lost(): void {
    this.forgetEchoes();
    if (!this.subscriber.connected) {
      this.subscribed = false;
      this.subscription++;
    }
    if (!this.measured) this.until = Math.min(this.until, this.clock.now() + this.bound);
  }

  private again(): () => void {
    return this.time.after(this.bound / ECHOES_PER_BOUND, () => {
      if (this.closed) return;
      this.cancel = this.again();
      this.endSilence();
      void this.speak();
    });
  }

  /** Nothing heard, or nothing answered, for too long although there are connections: one of them is dead, and nobody told us. */
  private endSilence(): void {
    const now = this.elapsed();
    if (!this.connection.connected || !this.subscriber.connected) {
      this.lastHeard = this.lastAnswered = now;
      return;
    }
    const deaf = now - this.lastHeard >= this.bound;
    const unanswered = now - this.lastAnswered >= this.bound;
    if (!deaf && !unanswered) return;
    this.lastHeard = this.lastAnswered = now;
    // An answer that came says that the other one is to blame; and who cannot even subscribe, hears nothing.
    if (unanswered && this.subscribed) this.connection.reconnect();
    else this.subscriber.reconnect();
  }

  private endLease(): void {
    this.until = 0;
    // Everything that counts from a reading before has become meaningless: an echo under way, the age of loads.
    this.forgetEchoes();
    this.everybody((listener) => listener.gap());
    void this.speak();
  }

  private everybody(tell: (listener: BusListener) => void): void {
    for (const set of this.listeners.values()) for (const listener of set) tell(listener);
  }

  private forgetEcho(number: number): void {
    this.awaited.get(number)?.then(false);
    this.awaited.delete(number);
  }

  private forgetEchoes(): void {
    for (const number of [...this.awaited.keys()]) this.forgetEcho(number);
  }
}
