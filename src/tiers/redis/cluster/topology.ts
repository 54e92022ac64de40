import { CacheUnavailableError } from '../../../cache.errors.js';
import { atMost } from '../../../engine/at-most.js';
import { type Clock, SystemClock } from '../../../engine/clock.js';
import type { Milliseconds } from '../../../engine/duration.js';
import { type ConnectionOptions, RedisConnection } from '../connection.js';
import { type Address, type NodePlace, nodeClient } from './place.js';
import { isRefusal, type Redirect } from './redirect.js';
import { type ClusterView, mergeViews, type NodeView, parseHosts, parseNodes } from './view.js';

/** How often the cluster is looked at although nothing says that it has changed. */
const LOOK_EVERY: Milliseconds = 5_000;
/** While it is known to be out of order, and at most so often at all. */
const LOOK_AGAIN: Milliseconds = 100;

/** A master, with what we have of it. */
export interface ClusterNode {
  readonly id: string;
  /** Where it is, as the cluster calls it. */
  readonly address: Address;
  readonly connection: RedisConnection;
  /** What is known of it now. */
  view: NodeView;
}

export interface TopologyListener<Node extends ClusterNode> {
  /** Before anything is sent to it. */
  added(node: Node): void;
  /** It is no master any more: what it confirmed lately may be lost. Nothing is sent to it any more. */
  removed(node: Node): void;
  /** Slots have other owners, or nodes tell other things of themselves. */
  changed(): void;
}

export interface TopologyOptions<Node extends ClusterNode> {
  place: NodePlace;
  times: ConnectionOptions;
  clock: Clock;
  /** Makes what is had of a node; its connection is not open yet. */
  make(view: NodeView, connection: RedisConnection): Node;
  /** The cluster was looked at. */
  looked(node: Node): void;
  /** Ends it. */
  end(node: Node): Promise<void>;
  onError(error: unknown): void;
}

/**
 * Which masters there are and who has which slot, with one connection to each of them. Looked at when something says that
 * it has changed: a node that sends us elsewhere, a lost connection, an echo that tells of other slots; and every now and then.
 */
export class Topology<Node extends ClusterNode> {
  readonly nodes = new Map<string, Node>();
  /** Commands of nodes that are none any more. */
  readonly ended = { answered: 0, failed: 0, notSent: 0 };
  /** How often it has changed. */
  changes = 0;
  private owners: readonly (string | undefined)[] = [];
  /** What nodes answered with MOVED since they were looked at. */
  private readonly moved = new Map<number, string>();
  private readonly listeners = new Set<TopologyListener<Node>>();
  private readonly stops = new Map<Node, () => void>();
  private looking: Promise<void> | undefined;
  /** The look that comes after the one under way. */
  private next: Promise<void> | undefined;
  private cancel: (() => void) | undefined;
  private readonly time = new SystemClock();
  private closed = false;

  constructor(private readonly options: TopologyOptions<Node>) {}

  listen(listener: TopologyListener<Node>): () => void {
    this.listeners.add(listener);
    for (const node of this.nodes.values()) listener.added(node);
    return () => this.listeners.delete(listener);
  }

  /** Who has a slot. Throws if nobody is known to. */
  nodeOf(slot: number): Node {
    const node = this.nodes.get(this.moved.get(slot) ?? this.owners[slot] ?? '');
    if (node) return node;
    this.doubt();
    throw new CacheUnavailableError('cluster', new Error(`no master is known for slot ${slot}`));
  }

  /** Whether every slot has a master, and all masters can be asked. */
  get ready(): boolean {
    return this.complete && [...this.nodes.values()].every(({ connection }) => connection.ready);
  }

  /** Whether every slot has a master, and there are connections to all of them. */
  get connected(): boolean {
    return this.complete && [...this.nodes.values()].every(({ connection }) => connection.connected);
  }

  /** Whether slots are on their way. */
  get open(): boolean {
    return [...this.nodes.values()].some(({ view }) => view.open);
  }

  /** Waits until there are connections to all masters, for a limited time; whether there are. */
  async connect(): Promise<boolean> {
    const { connectTimeout } = this.options.times;
    const late = this.time.now() + connectTimeout;
    // A node that nobody answers for must not keep the app from starting.
    await atMost(connectTimeout, this.look());
    while (!this.closed && this.time.now() < late) {
      await Promise.all([...this.nodes.values()].map(({ connection }) => connection.connect()));
      if (this.connected) return true;
      // A cluster that is out of order may be in the middle of a failover: it is waited for. None at all is not.
      if (this.nodes.size === 0) break;
      await new Promise<void>((resolve) => this.time.after(LOOK_AGAIN, resolve));
      await this.look();
    }
    return this.connected;
  }

  /** The node that a redirection names; the cluster is looked at first if there is none that we know. */
  async follow({ kind, slot, host, port }: Redirect, from: Node): Promise<Node | undefined> {
    const address = { host: host || from.address.host, port };
    let node = this.at(address);
    if (!node) {
      await this.look();
      node = this.at(address);
    }
    if (kind === 'moved') {
      if (node && !this.closed) this.moved.set(slot, node.id);
      this.doubt();
    }
    return node;
  }

  /** Something says that the cluster has changed. Looks at it soon. */
  doubt(): void {
    void this.look();
  }

  /** Asks all nodes what they know. One at a time; what they say is newer than this call. */
  look(): Promise<void> {
    if (!this.looking) {
      this.looking = this.lookOnce();
      return this.looking;
    }
    this.next ??= this.looking
      .then(() => new Promise<void>((resolve) => this.time.after(LOOK_AGAIN / 10, resolve)))
      .then(() => {
        this.next = undefined;
        return this.look();
      });
    return this.next;
  }

  async close(): Promise<void> {
    this.closed = true;
    this.cancel?.();
    const nodes = [...this.nodes.values()];
    for (const stop of this.stops.values()) stop();
    await Promise.all(nodes.map((node) => this.options.end(node)));
  }

  /** Whether every slot is known to belong to a master. */
  get complete(): boolean {
    return this.owners.length > 0 && !this.owners.includes(undefined);
  }

  private at({ host, port }: Address): Node | undefined {
    for (const node of this.nodes.values()) if (node.address.host === host && node.address.port === port) return node;
    return undefined;
  }

  private async lookOnce(): Promise<void> {
    try {
      const views = this.closed ? [] : await this.ask();
      if (views.length > 0 && !this.closed) this.apply(mergeViews(views));
    } finally {
      this.looking = undefined;
      this.later();
    }
  }

  private later(): void {
    if (this.closed) return;
    this.cancel?.();
    this.cancel = this.time.after(this.connected ? LOOK_EVERY : LOOK_AGAIN, () => void this.look());
  }

  /**
   * What those say to whom we are connected; if that is not the whole of a cluster, also those that the options name: one of the nodes
   * may be blank, or have left the cluster.
   */
  private async ask(): Promise<NodeView[][]> {
    const connected = [...this.nodes.values()].filter(({ connection }) => connection.connected);
    const asked = connected.map(({ connection, address }) => this.askOne(connection, address.host));
    const views = (await Promise.all(asked)).filter((view) => view !== undefined);
    if (isWhole(views)) return views;
    const known = new Set(connected.map(({ address }) => textOf(address)));
    for (const address of [...this.options.place.nodes, ...[...this.nodes.values()].map((node) => node.address)]) {
      if (this.closed) return [];
      if (known.has(textOf(address))) continue;
      known.add(textOf(address));
      const view = await this.askSeed(address);
      if (view) views.push(view);
      if (isWhole(views)) return views;
    }
    return views;
  }

  private async askSeed(address: Address): Promise<NodeView[] | undefined> {
    const { place, times, clock, onError } = this.options;
    const client = nodeClient(place, address, { retryStrategy: () => null });
    const connection = new RedisConnection(client, true, clock, times);
    const forget = connection.listen({ ready: () => {}, lost: () => {}, failed: onError });
    const view = (await connection.connect()) ? await this.askOne(connection, address.host) : undefined;
    forget();
    void connection.close();
    return view;
  }

  private async askOne(connection: RedisConnection, host: string): Promise<NodeView[] | undefined> {
    try {
      const [nodes, slots] = await Promise.all([
        connection.send('CLUSTER', ['NODES']),
        connection.send('CLUSTER', ['SLOTS']),
      ]);
      return parseNodes(String(nodes), host, parseHosts(slots));
    } catch (error) {
      // What a lost connection means is told by the connection; a refusal has to be mended by somebody.
      if (isRefusal(error)) this.options.onError(error);
      return undefined;
    }
  }

  private apply({ masters, owners }: ClusterView): void {
    this.moved.clear();
    const before = this.nodes.size > 0 ? this.owners : undefined;
    let changed = !before || owners.some((id, slot) => id !== before[slot]);
    this.owners = owners;
    for (const node of [...this.nodes.values()]) {
      const view = masters.get(node.id);
      if (view && view.host === node.address.host && view.port === node.address.port) {
        changed ||= view.signature !== node.view.signature || view.failing !== node.view.failing;
        node.view = view;
        continue;
      }
      changed = true;
      this.remove(node);
    }
    for (const view of masters.values()) if (!this.nodes.has(view.id)) changed = this.add(view);
    if (changed) {
      this.changes++;
      for (const listener of [...this.listeners]) listener.changed();
    }
    for (const node of this.nodes.values()) this.options.looked(node);
  }

  private add(view: NodeView): true {
    const { place, times, clock, make } = this.options;
    const address = { host: view.host, port: view.port };
    const connection = new RedisConnection(nodeClient(place, address), true, clock, times);
    const node = make(view, connection);
    this.nodes.set(view.id, node);
    for (const listener of [...this.listeners]) listener.added(node);
    const stop = connection.listen({ ready: () => this.doubt(), lost: () => this.doubt(), failed: () => {} });
    this.stops.set(node, stop);
    void connection.connect();
    return true;
  }

  private remove(node: Node): void {
    this.nodes.delete(node.id);
    this.stops.get(node)?.();
    this.stops.delete(node);
    for (const listener of [...this.listeners]) listener.removed(node);
    for (const kind of ['answered', 'failed', 'notSent'] as const) this.ended[kind] += node.connection[kind];
    void this.options.end(node);
  }
}

function isWhole(views: readonly NodeView[][]): boolean {
  return views.length > 0 && !mergeViews(views).owners.includes(undefined);
}

function textOf({ host, port }: Address): string {
  return `${host}:${port}`;
}
