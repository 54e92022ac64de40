import type { StopDeadline } from '../deadlines.js';
import type { Milliseconds } from '../duration.js';

/** Interactive work has somebody waiting for it, background work (refreshes, warming) has not. */
export type LanePriority = 'interactive' | 'background';

/** The requests of one key, in the order in which they came. The first one is ready or runs, the others wait for it. */
export interface KeyLine {
  readonly key: string;
  readonly waiting: RequestList;
  /** How many of those who wait are interactive: then the first one, on which they wait, is as urgent. */
  urgent: number;
  first: LaneRequest;
}

/** A place in a lane: first in its queue, then among those that run. */
export class LaneRequest {
  /**
   * `held`: waits for another one with its key. `ready`: waits for room. `over`: it ended, or left the queue.
   */
  state: 'held' | 'ready' | 'running' | 'over' = 'ready';
  begun: Milliseconds = 0;
  line: KeyLine | undefined;
  list: RequestList | undefined;
  before: LaneRequest | undefined;
  after: LaneRequest | undefined;
  stopDeadline: StopDeadline | undefined;
  stopLost: StopDeadline | undefined;
  /** Takes its listener off the caller's signal. */
  forget: (() => void) | undefined;
  /** Resolves when it may run; rejects when it leaves the queue. Only for requests that had to wait. */
  enter: (() => void) | undefined;
  leave: ((error: unknown) => void) | undefined;

  constructor(public priority: LanePriority) {}
}

/** Requests in order; any of them may leave at any time. */
export class RequestList {
  first: LaneRequest | undefined;
  last: LaneRequest | undefined;
  size = 0;

  push(request: LaneRequest): void {
    request.list = this;
    request.before = this.last;
    if (this.last) this.last.after = request;
    else this.first = request;
    this.last = request;
    this.size++;
  }

  shift(): LaneRequest | undefined {
    const { first } = this;
    if (first) this.remove(first);
    return first;
  }

  remove(request: LaneRequest): void {
    const { before, after } = request;
    if (before) before.after = after;
    else this.first = after;
    if (after) after.before = before;
    else this.last = before;
    request.before = undefined;
    request.after = undefined;
    request.list = undefined;
    this.size--;
  }
}
