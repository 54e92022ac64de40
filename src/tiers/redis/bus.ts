import { atMost } from '../../engine/at-most.js';
import { type Clock, elapsed, SystemClock } from '../../engine/clock.js';
import { FOREVER, type Milliseconds } from '../../engine/duration.js';
import type { BusStats, Trust } from '../tier.js';
import type { RedisConnection } from './connection.js';
import { ECHO } from './scripts.js';
import type { Subscriber } from './subscriber.js';
import { type Tracking, wasAnswered } from './tracking.js';

/** So many echoes within the bound: one may get lost without consequence. */
const ECHOES_PER_BOUND = 4;

export interface BusOptions {
  bound: Milliseconds;
  /** How long the first echo may take. */
  connectTimeout: Milliseconds;
  /** Name of this process's channel and key. */
  echoName: string;
  /** Says something in another way than by the script ECHO. `life`: of the key that it writes. */
  say?(number: number, life: Milliseconds): Promise<unknown>;
  /** Memory may be believed for longer, or no longer. */
  onTrust?(): void;
}

/** Who wants the messages of a channel. */
export interface BusListener {
  message(text: string): void;
  /** Only with tracking: names in Redis that somebody has changed since they were read here. */
  invalidated(names: readonly string[]): void;
  /** Subscribed anew: messages may have been missed. */
  gap(): void;
  /** What Redis confirmed before `sent` (by `elapsed`) had its effect, and is known by an echo to have had it. */
  safe(sent: Milliseconds): void;
}

/** A call whose echo is awaited. */
interface Call {
  at: Milliseconds;
  wall: Milliseconds;
  heard: boolean;
  /** Only with tracking: whether it was in order when the call was made. */
  intact: Promise<boolean | undefined> | undefined;
  then(heard: boolean): void;
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
  /** By their number. */
  private readonly awaited = new Map<number, Call>();
  /** Heard, but not yet of effect: how it is meant has to be looked up first. */
  private readonly pending = new Set<Promise<unknown>>();
  private lastHeard: Milliseconds;
  private lastAnswered: Milliseconds;
  private subscribed = false;
  /** Tracking is being set up. */
  private arming = false;
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
    private readonly tracking?: Tracking,
  ) {
    this.bound = options.bound;
    this.measured = clock.elapsed !== undefined;
    this.time = this.measured ? clock : new SystemClock();
    this.lastHeard = this.lastAnswered = this.elapsed();
    this.stops = [
      clock.onSetBack?.(() => this.endLease()) ?? (() => undefined),
      connection.listen({ ready: () => void this.connected(), lost: () => this.lost(), failed: () => {} }),
    ];
    subscriber.listen({
      ready: () => void this.subscribe(),
      lost: () => this.lost(),
      message: (channel, text) => this.receive(channel, text),
      invalidated: (names) => this.invalidated(names),
    });
  }

  /** Begins to listen. `wait`: for the first echo, within a deadline; whether it came. */
  async start(wait: boolean): Promise<boolean> {
    this.subscriber.connect();
    this.cancel ??= this.again();
    return wait && atMost(this.options.connectTimeout, this.started);
  }

  /** Whether the server tells of changed names that were read. */
  get tracks(): boolean {
    return this.tracking !== undefined;
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

  /** What is heard now is not proven before `work` is done. */
  awaitEffect(work: Promise<unknown>): void {
    this.pending.add(work);
    const done = (): unknown => this.pending.delete(work);
    work.then(done, done);
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
    if (this.tracking?.armed === false) return Promise.resolve(false);
    const number = ++this.spoken;
    const { echoName, bound, say } = this.options;
    const echo = new Promise<boolean>((then) => {
      const intact = this.tracking?.intact();
      this.awaited.set(number, { at: this.elapsed(), wall: this.clock.now(), heard: false, intact, then });
    });
    // Others take a process without this key for dead.
    const life = Math.max(1_000, 2 * Math.ceil(bound));
    const said = say
      ? say(number, life)
      : this.connection.run(ECHO, [echoName], [number, life, this.subscriber.prefix + echoName]);
    said.then(
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
    if (!call || call.heard || !this.subscribed) return;
    call.heard = true;
    // Connections keep their order: calls before it whose echo did not come were not executed.
    for (const [older, { heard }] of this.awaited) if (older < number && !heard) this.forgetEcho(older);
    this.lastHeard = this.elapsed();
    this.lag = this.lastHeard - call.at;
    if (this.tracking) void this.prove(number, call);
    else this.proven(number, call);
  }

  /** With tracking an echo proves nothing before all that was heard until then has its effect. */
  private async prove(number: number, call: Call): Promise<void> {
    await Promise.allSettled([...this.pending]);
    const intact = await call.intact;
    if (this.awaited.get(number) !== call) return;
    if (intact) this.proven(number, call);
    else this.forgetEcho(number);
    if (intact !== false) return;
    this.onError(new Error('CLIENT TRACKING was changed by somebody else: memory begins anew.'));
    void this.begin();
  }

  private proven(number: number, call: Call): void {
    this.awaited.delete(number);
    this.until = this.measured ? Math.max(this.until, call.wall + this.bound) : FOREVER;
    this.options.onTrust?.();
    this.everybody((listener) => listener.safe(call.at));
    call.then(true);
    this.first();
  }

  private invalidated(names: readonly string[] | null): void {
    if (names) this.everybody((listener) => listener.invalidated(names));
    else this.gap();
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
    await this.begin();
  }

  /** The command connection is a new one: what is published is heard as before, but nothing is tracked yet. */
  private async connected(): Promise<void> {
    if (this.tracking) await this.begin();
    else await this.speak();
  }

  /** All changes are heard from now on; earlier ones may have been missed. */
  private async begin(): Promise<void> {
    if (this.closed || !this.subscribed || (this.tracking && !this.connection.connected)) return;
    // Sent before anything that will be read by those who are told of the gap.
    this.arming = this.tracking !== undefined;
    const arming = this.tracking?.arm();
    this.gap();
    try {
      if ((await arming) === false) return;
    } catch (error) {
      if (this.closed) return;
      if (wasAnswered(error)) this.lastAnswered = this.elapsed();
      this.onError(error);
      return;
    } finally {
      this.arming = false;
    }
    void this.speak();
  }

  private gap(): void {
    this.gaps++;
    this.forgetEchoes();
    this.everybody((listener) => listener.gap());
  }

  private lost(): void {
    this.forgetEchoes();
    this.tracking?.disarm();
    if (!this.subscriber.connected) {
      this.subscribed = false;
      this.subscription++;
    }
    if (!this.measured) this.until = Math.min(this.until, this.clock.now() + this.bound);
    this.options.onTrust?.();
  }

  private again(): () => void {
    return this.time.after(this.bound / ECHOES_PER_BOUND, () => {
      if (this.closed) return;
      this.cancel = this.again();
      this.endSilence();
      // What could not be set up once is tried again.
      if (this.tracking && !this.tracking.armed && !this.arming) void this.begin();
      else void this.speak();
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
    this.options.onTrust?.();
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
