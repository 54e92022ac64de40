import { CacheUnavailableError } from '../../../cache.errors.js';
import type { Milliseconds } from '../../../engine/duration.js';
import type { RedisConnection } from '../connection.js';
import type { Script } from '../script.js';
import { Lane } from './lane.js';
import { doubtsTheMap, isSplit, redirectOf } from './redirect.js';
import type { ClusterNode, Topology } from './topology.js';

/** A slot on its way sends to its next master, which may be deposed meanwhile. */
const MOST_HOPS = 4;

/** Of several keys of a slot on its way some are here and some are there: so long all of them are waited for, and so often. */
const PATIENCE: Milliseconds = 3_000;
const TRY_AGAIN: Milliseconds = 20;

type Argument = string | number | Buffer;

/** What sends commands, to one node or to the one that they belong to. */
export type Sender = Pick<RedisConnection, 'send' | 'run' | 'together'>;

/**
 * Does something at the master of a slot. A node that sends us elsewhere has done nothing, so it is done there instead, `again`:
 * which may be later than what was called after it.
 */
export async function atMasterOf<Node extends ClusterNode, T>(
  topology: Topology<Node>,
  slot: number,
  work: (node: Node, asking: boolean) => Promise<T>,
  again = true,
): Promise<T> {
  let node = topology.nodeOf(slot);
  let asking = false;
  for (let hops = 0; ; hops++) {
    try {
      return await work(node, asking);
    } catch (error) {
      if (doubtsTheMap(error)) topology.doubt();
      const redirect = redirectOf(error);
      const target = redirect && (await topology.follow(redirect, node));
      if (!target || !again || hops === MOST_HOPS) throw error;
      node = target;
      asking = redirect.kind === 'ask';
    }
  }
}

/** Sends what a slot's next master does only for those who say that they were sent to it. */
export function asking(connection: RedisConnection): Sender {
  const send = (command: string, args: readonly Argument[]): Promise<unknown> => {
    // In one go: it counts for the next command of the connection.
    connection.send('ASKING', []).catch(() => undefined); // the command tells what is wrong
    return connection.send(command, args);
  };
  return {
    send,
    run: (script, keys, args) => send('EVAL', [script.source, keys.length, ...keys, ...args]),
    together: (work) => connection.together(work),
  };
}

/** Sends commands where their first key belongs. All keys of a command must be in one slot, but those of UNLINK. */
export class Router implements Sender {
  constructor(
    private readonly topology: Topology<ClusterNode>,
    private readonly slotOf: (name: string) => number,
  ) {}

  /** Of slots in which something is under way whose order counts. */
  private readonly lanes = new Map<number, Lane>();

  async send(command: string, args: readonly Argument[]): Promise<unknown> {
    if (command === 'UNLINK' && args.length > 1) {
      const slots = new Map<number, Argument[]>();
      for (const name of args) {
        const slot = this.slotOf(String(name));
        slots.set(slot, [...(slots.get(slot) ?? []), name]);
      }
      const counts = await Promise.all([...slots.values()].map((names) => this.route(command, names, names[0])));
      return counts.reduce((sum: number, count) => sum + Number(count), 0);
    }
    return this.route(command, args, args[0]);
  }

  async run(script: Script, keys: readonly string[], args: readonly Argument[], ordered = false): Promise<unknown> {
    const slot = this.slotOfFirst(keys[0]);
    const work = (sender: Sender): Promise<unknown> => sender.run(script, keys, args, ordered);
    if (!ordered) return this.follow(slot, work);
    const lane = this.lanes.get(slot) ?? new Lane();
    this.lanes.set(slot, lane);
    try {
      return await lane.run(
        () => this.at(slot, work, false),
        () => this.follow(slot, work),
        (error) => redirectOf(error) !== undefined || isSplit(error),
      );
    } finally {
      if (lane.idle) this.lanes.delete(slot);
    }
  }

  together(work: () => void): void {
    let send = work;
    for (const { connection } of this.topology.nodes.values()) {
      const inner = send;
      send = () => connection.together(inner);
    }
    send();
  }

  private route(command: string, args: readonly Argument[], key: Argument | undefined): Promise<unknown> {
    return this.follow(this.slotOfFirst(key), (sender) => sender.send(command, args));
  }

  private slotOfFirst(key: Argument | undefined): number {
    if (key === undefined) throw new CacheUnavailableError('cluster', new Error('a command without a key'));
    return this.slotOf(String(key));
  }

  /** Until it is done, or the slot has been on its way for too long. */
  private async follow<T>(slot: number, work: (sender: Sender) => Promise<T>): Promise<T> {
    const until = performance.now() + PATIENCE;
    for (;;) {
      try {
        return await this.at(slot, work, true);
      } catch (error) {
        const split = isSplit(error) || redirectOf(error) !== undefined;
        if (!split || performance.now() > until) throw error;
        await new Promise((resolve) => setTimeout(resolve, TRY_AGAIN));
      }
    }
  }

  private at<T>(slot: number, work: (sender: Sender) => Promise<T>, again: boolean): Promise<T> {
    const { topology } = this;
    return atMasterOf(topology, slot, ({ connection }, asks) => work(asks ? asking(connection) : connection), again);
  }
}
