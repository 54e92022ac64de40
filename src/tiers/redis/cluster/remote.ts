import type { Clock } from '../../../engine/clock.js';
import { ALONE } from '../../../engine/core.js';
import type { Milliseconds } from '../../../engine/duration.js';
import type { MarkerValue } from '../../../engine/entry-format.js';
import { ALL } from '../../../engine/epochs.js';
import { START_LENGTH, VERSION_LENGTH, type Version, type VersionSource } from '../../../engine/version.js';
import type {
  KeptAs,
  MarkerChange,
  RemoteChanges,
  RemoteRead,
  RemoteStats,
  RemoteTier,
  RemoteTierContext,
  Trust,
} from '../../tier.js';
import type { Change } from '../delivered.js';
import { EndedClaims } from '../ended-claims.js';
import { type Heard, Messages } from '../messages.js';
import { Orphans } from '../orphans.js';
import type { RedisCommands } from '../redis-commands.js';
import type { RemoteOptions } from '../redis-remote.js';
import { Waiters } from '../waiters.js';
import { ClusterLog } from './log.js';
import { ClusterNames } from './names.js';
import type { CacheNode } from './node.js';
import { NodeCommands } from './node-commands.js';
import { redirectOf } from './redirect.js';
import { atMasterOf } from './routing.js';
import { search } from './search.js';
import { clusterStats } from './stats.js';
import type { Topology } from './topology.js';

export interface ClusterRemoteOptions extends RemoteOptions {
  keyPrefix: string;
  /** Memory may be believed while the changes of all masters are heard; `undefined`: without a bus. */
  trust: Trust | undefined;
}

/**
 * The Redis tier of one namespace in a cluster. Each key and marker is read and changed at the master of its slot, on the one
 * connection there is to that; what a master changes it tells on its own bus, and every process hears all of them.
 */
export class ClusterRemote implements RemoteTier {
  readonly versions: VersionSource;
  readonly shared: boolean;
  readonly trust: Trust;
  private readonly names: ClusterNames;
  private readonly messages: Messages;
  private readonly waiters = new Waiters();
  private readonly log: ClusterLog;
  private readonly orphans: Orphans;
  /** By the master that was told. */
  private readonly ended = new Map<string, EndedClaims>();
  private readonly nodes = new Map<CacheNode, NodeCommands>();
  private changes: RemoteChanges | undefined;
  private wasReady = false;
  private readonly leave: () => void;

  constructor(
    private readonly topology: Topology<CacheNode>,
    private readonly clock: Clock,
    private readonly options: ClusterRemoteOptions,
    private readonly context: RemoteTierContext,
    private readonly released: () => Promise<void>,
  ) {
    const { namespace, versions, lossWindow, keyPrefix, trust } = options;
    this.names = new ClusterNames(namespace, keyPrefix);
    this.versions = versions;
    this.messages = new Messages(versions.next());
    this.shared = trust !== undefined;
    this.trust = trust ?? ALONE;
    this.log = new ClusterLog({
      send: (change) => this.changeOne(change),
      reachable: (kind, name) => this.reachable(kind, name),
      lossWindow: trust ? lossWindow : 0,
      clock,
      context,
    });
    this.orphans = new Orphans((key, version) => this.abandonOnce(key, version), topology, clock);
    this.wasReady = topology.ready;
    this.leave = topology.listen({
      added: (node) => this.add(node),
      removed: (node) => this.remove(node),
      changed: () => this.changed(),
    });
  }

  async read(key: string | undefined, markers: readonly string[], of = key ?? ''): Promise<RemoteRead> {
    const { names } = this;
    const asked = names.markersAt(names.slotOfKey(of), markers);
    // The entry first: markers that are still the same afterwards were so before.
    const entry = key === undefined ? null : this.get(names.entry(key));
    const values = asked.map((name) => this.get(names.marker(name)));
    const [found, ...rest] = await Promise.all([entry, ...values]);
    return { entry: found, markers: rest.map((value) => value?.toString('latin1') ?? null) };
  }

  async hold(key: string, version: Version, holdFor: Milliseconds): Promise<Buffer | null> {
    return this.at(key, (commands) => commands.hold(key, version, holdFor));
  }

  claim(
    key: string,
    version: Version,
    life: Milliseconds,
    instead: Version | undefined,
    keep: KeptAs,
  ): Promise<Buffer | null> {
    const claim = this.at(key, (commands) => commands.claim(key, version, life, instead, keep));
    return this.orphanedIfFailed(key, version, claim);
  }

  async abandon(key: string, version: Version, failed = false): Promise<void> {
    await this.orphanedIfFailed(key, version, this.abandonOnce(key, version, failed));
    this.claimEnded(key, version);
  }

  private claimEnded(key: string, version: Version): void {
    const node = this.masterOf(key);
    if (!node?.bus) return;
    let list = this.ended.get(node.id);
    if (!list) {
      list = new EndedClaims(this.options.lossWindow);
      this.ended.set(node.id, list);
    }
    list.add(key, version, node.bus.elapsed());
  }

  /** Each process writes a key on every master; that of the master of the key tells, whether or not the others are there. */
  async alive(version: Version, of = ''): Promise<boolean> {
    const node = this.topology.nodeOf(this.names.slotOfKey(of));
    const key = node.aliveKey(this.names.echo(version.slice(0, START_LENGTH)));
    if (key === undefined) return true;
    try {
      return Number(await node.connection.send('EXISTS', [key])) > 0;
    } catch (error) {
      if (redirectOf(error)) return true; // its slot has just moved: the next look tells
      throw error;
    }
  }

  async wait(key: string, claim: Version): Promise<boolean> {
    const { woken, forget } = this.waiters.wait(key);
    try {
      // It may have been woken between the answer that told of the claim, and now.
      const found = await this.get(this.names.entry(key));
      if (found?.toString('latin1', 0, VERSION_LENGTH) !== claim) return true;
      if (!(await this.alive(claim, key))) return false;
      await this.topology.nodeOf(this.names.slotOfKey(key)).bus?.atMost(woken);
      return true;
    } finally {
      forget();
    }
  }

  async mark(markers: readonly string[], life: Milliseconds, of = ''): Promise<readonly MarkerValue[]> {
    const asked = this.names.markersAt(this.names.slotOfKey(of), markers);
    const values = await Promise.all(
      asked.map((name) => {
        const alone = this.names.alone(name);
        return this.atSlot(this.names.slot(this.names.marker(name)), (commands) => commands.mark(alone, life));
      }),
    );
    return values.map(([value]) => value as MarkerValue);
  }

  async fill(key: string, token: Version, bytes: string | Buffer, life: Milliseconds): Promise<boolean> {
    const stored = await this.at(key, (commands) => commands.fill(key, token, bytes, life));
    this.claimEnded(key, token);
    return stored;
  }

  /** Not sent again elsewhere: it could undo an eviction that was called after it. */
  put(key: string, token: Version | undefined, bytes: string | Buffer, life: Milliseconds): Promise<boolean> {
    return this.waking(
      [key],
      this.at(key, (commands) => commands.put(key, token, bytes, life), false),
    );
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
    await this.log.make({ kind: 'markers', names: this.names.everywhere(markers), change });
  }

  scan(pattern: string): AsyncIterable<string[]> {
    return search(this.topology, this.names, pattern);
  }

  /** On all buses: another process may know of other masters than this one does. */
  async tell(pattern: string, change: MarkerChange): Promise<void> {
    const text = this.messages.pattern(change, pattern);
    const nodes = [...this.topology.nodes.values()];
    await Promise.all(nodes.map((node) => this.commandsOf(node).commands.publish(text)));
  }

  async settle(): Promise<boolean> {
    const heard = [...this.topology.nodes.values()].map(({ bus }) => bus?.settle() ?? true);
    return (await Promise.all(heard)).every(Boolean);
  }

  hear(changes: RemoteChanges): void {
    this.changes = changes;
  }

  refuses(key: string, markers: readonly string[]): boolean {
    if (this.log.undelivered === 0) return false;
    return this.log.refuses(key, this.names.markersAt(this.names.slotOfKey(key), markers));
  }

  nodeOf(key: string): string | undefined {
    return this.masterOf(key)?.name;
  }

  private masterOf(key: string): CacheNode | undefined {
    try {
      return this.topology.nodeOf(this.names.slotOfKey(key));
    } catch {
      return undefined;
    }
  }

  stats(): RemoteStats {
    const { undelivered, unsafe } = this.log;
    const bus = { lease: this.clock.now() < this.trust.until, heard: this.messages.heard, unsafe };
    return clusterStats(this.topology, undelivered, this.shared ? bus : undefined);
  }

  async close(): Promise<void> {
    this.orphans.close();
    await this.log.close();
    this.leave();
    for (const commands of this.nodes.values()) commands.close();
    await this.released();
  }

  private get(name: string): Promise<Buffer | null> {
    return this.atSlot(this.names.slot(name), (commands) => commands.get(name));
  }

  private abandonOnce(key: string, version: Version, failed = false): Promise<void> {
    return this.at(key, (commands) => commands.abandon(key, version, failed));
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

  private at<T>(key: string, work: (commands: RedisCommands) => Promise<T>, again = true): Promise<T> {
    return this.atSlot(this.names.slotOfKey(key), work, again);
  }

  private atSlot<T>(slot: number, work: (commands: RedisCommands) => Promise<T>, again = true): Promise<T> {
    const { topology } = this;
    return atMasterOf(topology, slot, (node, asking) => work(this.commandsOf(node).forms(asking)), again);
  }

  private commandsOf(node: CacheNode): NodeCommands {
    return this.nodes.get(node) as NodeCommands;
  }

  /** Makes a change of one name. The marker of everything may stand for all of its regions. */
  private async changeOne(change: Change): Promise<void> {
    const [name = ''] = change.names;
    if (change.kind === 'markers' && name === ALL) {
      await Promise.all(this.names.everywhere([ALL]).map((one) => this.changeOne({ ...change, names: [one] })));
      return;
    }
    const { names } = this;
    const slot = change.kind === 'keys' ? names.slotOfKey(name) : names.slot(names.marker(name));
    await atMasterOf(this.topology, slot, async (node, asking) => {
      await this.commandsOf(node).forms(asking).change(change);
      this.confirmed(node, change);
    });
  }

  private confirmed(node: CacheNode, change: Change): void {
    if (!node.bus) return;
    this.log.confirmed(node.id, change, node.bus.elapsed());
    // The answer of one that is no master any more: who is now may not have it.
    if (this.topology.nodes.get(node.id) !== node) this.log.broken(node.id);
  }

  private reachable(kind: Change['kind'], name: string): boolean {
    if (kind === 'markers' && name === ALL) return this.topology.connected;
    const slot = kind === 'keys' ? this.names.slotOfKey(name) : this.names.slot(this.names.marker(name));
    try {
      return this.topology.nodeOf(slot).connection.connected;
    } catch {
      return false;
    }
  }

  private add(node: CacheNode): void {
    const { names, versions, messages, context } = this;
    const commands = new NodeCommands(node, {
      names,
      versions,
      messages,
      onError: context.onError,
      confirmed: (change) => this.confirmed(node, change),
      message: (text) => this.receive(text),
      gap: () => {
        this.changes?.gap();
        this.waiters.wakeAll();
      },
      safe: (sent) => {
        this.log.safe(node.id, sent);
        this.ended.get(node.id)?.safe(sent);
      },
      // First on a new connection: whatever is sent after it sees its effect.
      ready: () => {
        this.delivered();
        this.tellReady();
      },
      lost: () => {
        this.broken(node);
        this.tellReady();
      },
    });
    this.nodes.set(node, commands);
  }

  private remove(node: CacheNode): void {
    this.nodes.get(node)?.close();
    this.nodes.delete(node);
    this.broken(node);
    // What it had told and we had not read yet is lost.
    this.changes?.gap();
    this.waiters.wakeAll();
  }

  private broken({ id }: CacheNode): void {
    this.log.broken(id);
    for (const { key, version } of this.ended.get(id)?.takeAll() ?? []) this.orphans.add(key, version);
    this.ended.delete(id);
  }

  /** What was not delivered may belong to somebody else by now. */
  private changed(): void {
    this.delivered();
    this.tellReady();
  }

  private delivered(): void {
    void this.log.deliver();
    void this.orphans.retry();
  }

  private tellReady(): void {
    const { ready } = this.topology;
    if (ready !== this.wasReady) this.context.onConnection(ready);
    this.wasReady = ready;
  }

  private readonly heard: Heard = {
    key: (key, change, version) => {
      this.changes?.key(key, change, version);
      this.waiters.wake(key);
    },
    touched: (key) => this.changes?.touched(key),
    marker: (name, change) => this.changes?.marker(ClusterNames.bare(name), change),
    pattern: (pattern, change) => this.changes?.pattern(pattern, change),
    gap: () => this.changes?.gap(),
    wake: (key) => this.waiters.wake(key),
  };

  private receive(text: string): void {
    if (!this.changes || this.messages.apply(text, this.heard)) return;
    this.context.onError('bus', new Error('A message of another version cannot be read: memory begins anew.'));
    this.changes.gap();
  }
}
