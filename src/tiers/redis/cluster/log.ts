import type { Clock } from '../../../engine/clock.js';
import type { Milliseconds } from '../../../engine/duration.js';
import { ALL } from '../../../engine/epochs.js';
import type { RemoteTierContext } from '../../tier.js';
import { type Change, Delivered } from '../delivered.js';
import { type Group, Undelivered } from '../undelivered.js';

const MAX_UNDELIVERED = 10_000;
const MAX_DELIVERED = 20_000;

/** A lost connection calls back by itself; a slow one, and a cluster without a master, have to be asked again. */
const RETRY_AFTER: Milliseconds = 250;

export interface ClusterLogOptions {
  /** Makes a change of one name where it belongs. */
  send(change: Change): Promise<void>;
  /** Whether what belongs to this name can be asked at the moment. */
  reachable(kind: Change['kind'], name: string): boolean;
  lossWindow: Milliseconds;
  clock: Clock;
  context: RemoteTierContext;
}

/**
 * Sees to it that every change reaches its master and stays there. What was not confirmed is in one list, whichever
 * master it belongs to by now; what was confirmed is kept for each master by itself until that master is known to have kept it.
 */
export class ClusterLog {
  private readonly pending = new Undelivered(MAX_UNDELIVERED);
  private readonly delivered = new Map<string, Delivered>();
  /** What is being delivered. */
  private readonly underWay = new Set<string>();
  private retrying = false;
  private closed = false;

  constructor(private readonly options: ClusterLogOptions) {}

  get undelivered(): number {
    return this.pending.size;
  }

  get unsafe(): number {
    return [...this.delivered.values()].reduce((sum, { size }) => sum + size, 0);
  }

  /** Makes a change, each name where it belongs. When it rejects, what was not confirmed is made later. */
  async make(change: Change): Promise<void> {
    const failures: unknown[] = [];
    const each = change.names.map(async (name, i) => {
      const own = one(change, name, i);
      try {
        await this.options.send(own);
      } catch (error) {
        this.keep(own);
        failures.push(error);
      }
    });
    await Promise.all(each);
    if (failures.length > 0) throw failures[0];
  }

  /** A master has a change. `at`: by the time of its bus. */
  confirmed(node: string, change: Change, at: Milliseconds): void {
    let list = this.delivered.get(node);
    if (!list) {
      list = new Delivered(this.options.lossWindow, MAX_DELIVERED);
      this.delivered.set(node, list);
    }
    list.add(change, at);
  }

  /** An echo from a master of what was said at `sent` was heard. */
  safe(node: string, sent: Milliseconds): void {
    this.delivered.get(node)?.safe(sent);
  }

  /** A connection to a master broke, or it is none any more: what it confirmed lately may be lost. */
  broken(node: string): void {
    const changes = this.delivered.get(node)?.takeAll() ?? [];
    this.delivered.delete(node);
    if (changes === 'everything') this.keep({ kind: 'markers', names: [ALL], change: 'dead' });
    else for (const change of changes) this.keep(change);
  }

  refuses(key: string, markers: readonly string[]): boolean {
    return this.pending.refuses(key, markers);
  }

  /** Sends what was not delivered and can be, before anything else; tries again later while something is left. */
  async deliver(): Promise<void> {
    const errors: unknown[] = [];
    const sent: Promise<void>[] = [];
    for (const group of this.pending.groups()) {
      for (const [i, name] of group.names.entries()) {
        const id = `${group.kind} ${name}`;
        if (this.underWay.has(id) || !this.options.reachable(group.kind, name)) continue;
        this.underWay.add(id);
        const failed = (error: unknown): void => void errors.push(error);
        const ended = (): boolean => this.underWay.delete(id);
        sent.push(this.deliverOne(group, name, i).catch(failed).finally(ended));
      }
    }
    await Promise.all(sent);
    if (errors.length > 0) this.options.context.onError('redelivery', errors[0]);
    this.retryLater();
  }

  async close(): Promise<void> {
    this.closed = true;
    // The last chance of what was not confirmed: a master may only have been slow.
    if (this.pending.size > 0) await this.deliver();
  }

  private async deliverOne(group: Group, name: string, i: number): Promise<void> {
    await this.options.send(one(group, name, i));
    this.pending.delivered({ ...group, names: [name] });
  }

  private keep({ kind, names, change, versions }: Change): void {
    if (kind === 'keys') this.pending.addKeys(names, change, versions);
    else this.pending.addMarkers(names, change);
    this.retryLater();
  }

  private retryLater(): void {
    if (this.closed || this.retrying || this.pending.size === 0) return;
    this.retrying = true;
    this.options.clock.after(RETRY_AFTER, () => {
      this.retrying = false;
      if (!this.closed) void this.deliver();
    });
  }
}

/** The part of a change that concerns one name. */
function one({ kind, change, versions }: Change, name: string, i: number): Change {
  const version = versions?.[i];
  return { kind, change, names: [name], ...(version !== undefined && { versions: [version] }) };
}
