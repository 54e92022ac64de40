import { AsyncLocalStorage } from 'node:async_hooks';
import type { Clock } from '../clock.js';
import { Lane, type LaneStats } from './lane.js';
import type { ResolvedBounds } from './lane.options.js';

/** The lane of a cache's or a policy's loads, as options say. */
export interface LoadsLane extends ResolvedBounds {
  readonly name: string;
  /** For a policy: the lane of its cache. */
  readonly within: LoadsLane | undefined;
}

/** The lanes that the loads of one cache go through. */
export class Lanes {
  private readonly lanes = new Map<LoadsLane, Lane>();
  /**
   * Whether a load that has a place is running. What it loads itself takes none: loads that hold all places and wait for one more would
   * wait for each other.
   */
  readonly inside = new AsyncLocalStorage<true>();

  constructor(
    private readonly clock: Clock,
    all: Iterable<LoadsLane | undefined>,
  ) {
    for (const loads of all) if (loads) this.of(loads);
  }

  of(loads: LoadsLane): Lane {
    let lane = this.lanes.get(loads);
    if (lane === undefined) {
      const { name, limit, queue, deadline, within } = loads;
      lane = new Lane({
        name,
        concurrency: limit,
        queue,
        queueTimeout: deadline,
        clock: this.clock,
        ...(within && { within: this.of(within) }),
      });
      this.lanes.set(loads, lane);
    }
    return lane;
  }

  stats(): Record<string, LaneStats> {
    return Object.fromEntries(Array.from(this.lanes.values(), (lane) => [lane.name, lane.stats()]));
  }
}
