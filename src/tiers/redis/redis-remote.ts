import type { Clock } from '../../engine/clock.js';
import { ALONE } from '../../engine/core.js';
import type { Milliseconds } from '../../engine/duration.js';
import type { MarkerValue } from '../../engine/entry-format.js';
import { compilePattern } from '../../engine/pattern.js';
import { START_LENGTH, VERSION_LENGTH, type Version, type VersionSource } from '../../engine/version.js';
import type {
  KeptAs,
  MarkerChange,
  RemoteChanges,
  RemoteRead,
  RemoteStats,
  RemoteTier,
  RemoteTierContext,
  Trust,
} from '../tier.js';
import type { Bus } from './bus.js';
import { ChangeLog } from './change-log.js';
import type { RedisConnection } from './connection.js';
import type { Change } from './delivered.js';
import { EndedClaims } from './ended-claims.js';
import { MarkerWatch } from './marker-watch.js';
import { type Heard, Messages } from './messages.js';
import { RedisNames } from './names.js';
import { Orphans } from './orphans.js';
import { RedisCommands } from './redis-commands.js';
import { Waiters } from './waiters.js';

const SCAN_COUNT = 500;

export interface RemoteOptions {
  namespace: string;
  versions: VersionSource;
  lossWindow: Milliseconds;
}

/** The Redis tier of one namespace. */
export class RedisRemote implements RemoteTier {
  private readonly names: RedisNames;
  readonly versions: VersionSource;
  readonly shared: boolean;
  private readonly messages: Messages;
  private readonly waiters = new Waiters();
  private readonly log: ChangeLog;
  private readonly orphans: Orphans;
  private readonly ended: EndedClaims;
  private readonly commands: RedisCommands;
  private changes: RemoteChanges | undefined;
  /** Only with tracking. */
  private readonly watch: MarkerWatch | undefined;
  readonly trust: Trust;
  private wasReady = false;
  private readonly forget: () => void;

  constructor(
    private readonly connection: RedisConnection,
    private readonly bus: Bus | undefined,
    clock: Clock,
    { namespace, versions, lossWindow }: RemoteOptions,
    private readonly context: RemoteTierContext,
    private readonly released: () => Promise<void>,
  ) {
    this.names = new RedisNames(namespace);
    this.versions = versions;
    this.messages = new Messages(versions.next());
    this.shared = bus !== undefined;
    this.trust = bus ?? ALONE;
    const tracking = bus?.tracks === true;
    this.watch = tracking ? new MarkerWatch((name, change) => this.changes?.marker(name, change)) : undefined;
    const channel = bus ? connection.keyPrefix + this.names.channel : '';
    const { names, messages } = this;
    const { onError } = context;
    const confirmed = (change: Change): void => this.log.confirmed(change);
    this.commands = new RedisCommands({ connection, names, versions, messages, channel, tracking, onError, confirmed });
    this.log = new ChangeLog((change) => this.commands.change(change), connection, bus, clock, lossWindow, context);
    const abandon = (key: string, version: Version): Promise<void> => this.commands.abandon(key, version);
    this.orphans = new Orphans(abandon, connection, clock);
    this.ended = new EndedClaims(bus ? lossWindow : 0);
    this.wasReady = connection.ready;
    const leave = bus?.join(this.names.channel, {
      message: (text) => this.receive(text),
      invalidated: (names) => this.invalidated(names),
      gap: () => this.gap(),
      safe: (sent) => {
        this.log.safe(sent);
        this.ended.safe(sent);
      },
    });
    const forget = connection.listen({
      // First on a new connection: whatever is sent after it sees its effect.
      ready: () => {
        this.wasReady = true;
        void this.log.deliver();
        void this.orphans.retry();
        context.onConnection(true);
      },
      lost: () => {
        this.log.broken();
        for (const { key, version } of this.ended.takeAll()) this.orphans.add(key, version);
        if (this.wasReady) context.onConnection(false);
        this.wasReady = false;
      },
      failed: (error) => context.onError('connection', error),
    });
    this.forget = () => {
      leave?.();
      forget();
    };
  }

  read(key: string | undefined, markers: readonly string[]): Promise<RemoteRead> {
    const read = this.commands.read(key, markers);
    return this.watch ? this.observed(markers, read) : read;
  }

  /** Markers were read: they are compared with what they were, before anybody relies on them. */
  private async observed<Read extends RemoteRead | readonly MarkerValue[]>(
    markers: readonly string[],
    reading: Promise<Read>,
  ): Promise<Read> {
    const read = await reading;
    this.watch?.observe(markers, 'markers' in read ? read.markers : read);
    return read;
  }

  hold(key: string, version: Version, holdFor: Milliseconds): Promise<Buffer | null> {
    return this.commands.hold(key, version, holdFor);
  }

  claim(
    key: string,
    version: Version,
    life: Milliseconds,
    instead: Version | undefined,
    keep: KeptAs,
  ): Promise<Buffer | null> {
    return this.orphanedIfFailed(key, version, this.commands.claim(key, version, life, instead, keep));
  }

  async abandon(key: string, version: Version, failed = false): Promise<void> {
    await this.orphanedIfFailed(key, version, this.commands.abandon(key, version, failed));
    this.claimEnded(key, version);
  }

  private claimEnded(key: string, version: Version): void {
    if (this.bus) this.ended.add(key, version, this.bus.elapsed());
  }

  async alive(version: Version): Promise<boolean> {
    const echo = this.names.echo(version.slice(0, START_LENGTH));
    return Number(await this.connection.send('EXISTS', [echo])) > 0;
  }

  /** A claim without an answer may have been made; an end without one may not. */
  private async orphanedIfFailed<T>(key: string, version: Version, work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (error) {
      this.orphans.add(key, version);
      throw error;
    }
  }

  async wait(key: string, claim: Version): Promise<boolean> {
    const bus = this.bus as Bus;
    const { woken, forget } = this.waiters.wait(key);
    try {
      // It may have been woken between the answer that told of the claim, and now.
      const [found] = (await this.connection.send('MGET', [this.names.entry(key)])) as (Buffer | null)[];
      if (found?.toString('latin1', 0, VERSION_LENGTH) !== claim) return true;
      if (!(await this.alive(claim))) return false;
      await bus.atMost(woken);
      return true;
    } finally {
      forget();
    }
  }

  mark(markers: readonly string[], life: Milliseconds): Promise<readonly MarkerValue[]> {
    const marking = this.commands.mark(markers, life);
    return this.watch ? this.observed(markers, marking) : marking;
  }

  async fill(key: string, token: Version, bytes: string | Buffer, life: Milliseconds): Promise<boolean> {
    const stored = await this.commands.fill(key, token, bytes, life);
    this.claimEnded(key, token);
    return stored;
  }

  put(key: string, token: Version | undefined, bytes: string | Buffer, life: Milliseconds): Promise<boolean> {
    return this.waking([key], this.commands.put(key, token, bytes, life));
  }

  evict(keys: readonly string[]): Promise<void> {
    return this.waking(keys, this.log.make({ kind: 'keys', names: keys, change: 'dead' }));
  }

  expire(keys: readonly string[]): Promise<void> {
    return this.waking(keys, this.log.make({ kind: 'keys', names: keys, change: 'expired' }));
  }

  /** Messages wake those of other processes who wait for a load of these keys; own messages are not heard. */
  private async waking<T>(keys: readonly string[], change: Promise<T>): Promise<T> {
    try {
      return await change;
    } finally {
      for (const key of keys) this.waiters.wake(key);
    }
  }

  async change(markers: readonly string[], change: MarkerChange): Promise<void> {
    for (const name of markers) this.watch?.told(name);
    await this.log.make({ kind: 'markers', names: markers, change });
  }

  async *scan(pattern: string): AsyncIterable<string[]> {
    const { keyPrefix } = this.connection;
    const match = this.names.entryPattern(pattern, keyPrefix);
    const matches = compilePattern(pattern);
    let cursor = '0';
    do {
      const answer = await this.connection.send('SCAN', [cursor, 'MATCH', match, 'COUNT', SCAN_COUNT]);
      const [next, found] = answer as [Buffer, Buffer[]];
      cursor = next.toString();
      const keys = found.map((name) => this.names.keyOf(name.toString(), keyPrefix)).filter(matches);
      if (keys.length > 0) yield keys;
    } while (cursor !== '0');
  }

  async tell(pattern: string, change: MarkerChange): Promise<void> {
    await this.commands.publish(this.messages.pattern(change, pattern));
  }

  async settle(): Promise<boolean> {
    return this.bus?.settle() ?? true;
  }

  hear(changes: RemoteChanges): void {
    this.changes = changes;
  }

  refuses(key: string, markers: readonly string[]): boolean {
    return this.log.refuses(key, markers);
  }

  stats(): RemoteStats {
    const { answered, failed, notSent, ready } = this.connection;
    const bus = this.bus && { ...this.bus.stats(), heard: this.messages.heard, unsafe: this.log.unsafe };
    return { ready, commands: { answered, failed, notSent }, undelivered: this.log.undelivered, bus };
  }

  async close(): Promise<void> {
    this.forget();
    this.orphans.close();
    await this.log.close();
    await this.released();
  }

  private readonly heard: Heard = {
    key: (key, change, version) => {
      this.changes?.key(key, change, version);
      this.waiters.wake(key);
    },
    touched: (key) => this.changes?.touched(key),
    marker: (name, change) => {
      this.watch?.told(name);
      this.changes?.marker(name, change);
    },
    pattern: (pattern, change) => this.changes?.pattern(pattern, change),
    gap: () => this.gap(),
    wake: (key) => this.waiters.wake(key),
  };

  private receive(text: string): void {
    if (!this.changes || this.messages.apply(text, this.heard)) return;
    this.context.onError('bus', new Error('A message of another version cannot be read: memory begins anew.'));
    this.gap();
  }

  private gap(): void {
    this.watch?.clear();
    this.changes?.gap();
    this.waiters.wakeAll();
  }

  /** Names that were read here, and to which somebody has done something since. */
  private invalidated(names: readonly string[]): void {
    const { keyPrefix } = this.connection;
    const markers: string[] = [];
    for (const name of names) {
      if (this.names.isMarker(name, keyPrefix)) {
        markers.push(this.names.keyOf(name, keyPrefix));
      } else if (this.names.isEntry(name, keyPrefix)) {
        const key = this.names.keyOf(name, keyPrefix);
        this.changes?.touched(key);
        this.waiters.wake(key);
      }
    }
    if (markers.length > 0) this.bus?.awaitEffect(this.lookAt(markers));
  }

  /** Finds out whether markers were changed, and goes on being told of them. What Redis does not say counts as changed. */
  private async lookAt(markers: readonly string[]): Promise<void> {
    try {
      await this.read(undefined, markers);
    } catch {
      for (const name of markers) this.changes?.marker(name, 'dead');
    }
  }
}
