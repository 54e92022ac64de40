import { OverloadError } from '../../cache.errors.js';
import { type Clock, elapsed, SystemClock } from '../clock.js';
import { AnyDeadlines } from '../deadlines.js';
import { FOREVER, type Milliseconds, parseDuration } from '../duration.js';
import { AdaptiveLimit, type ConcurrencyLimit, type Ended, FixedLimit } from './adaptive-limit.js';
import { checkRun, type LaneBounds, type LaneRunOptions, resolveLane } from './lane.options.js';
import { type LanePriority, LaneRequest, RequestList } from './lane-request.js';

export type LaneWork<T> = (signal: AbortSignal | undefined) => T | PromiseLike<T>;

export interface LaneOptions extends LaneBounds {
  /** In errors and statistics. Default `'lane'`. */
  name?: string;
  /** A lane that this one is a part of: its limit counts as well. */
  within?: Lane;
  /** Where time comes from. For tests. */
  clock?: Clock;
}

/** A run that is under way. */
export interface Submitted<T> {
  result: Promise<T>;
  /** Takes it out of the queue: `result` rejects with the error. False if it has begun. */
  cancel(error: unknown): boolean;
  /** Somebody waits for it now: it is no background work any more. */
  promote(): void;
  /** Somebody waits for it who has a place: it begins at once, or both would wait for each other. */
  begin(): void;
}

/** What goes on in a lane. Counts are since the start. */
export interface LaneStats {
  /** How many may run at once, now. */
  limit: number;
  inFlight: number;
  queued: number;
  /** Those of the queued that are background work. */
  queuedBackground: number;
  started: number;
  /** Not run: the queue was full, they waited too long for their turn, or they were cancelled. */
  rejected: { full: number; deadline: number; cancelled: number };
  /** Runs whose place was given away before they ended. */
  lost: number;
}

/** Of so many runs that begin while both kinds wait, one is background work. */
const BACKGROUND_TURN = 10;

/**
 * A way to a source that bears only so much: at most `limit` runs at once, the others wait in a queue with an end and a deadline, in
 * the order of their keys and priorities. Every call settles once: with what its work brings, or with `OverloadError`, at once
 * when the queue is full. No timer for each request, and every step costs the same however many wait.
 */
export class Lane {
  readonly name: string;
  private readonly limit: ConcurrencyLimit;
  private readonly longest: number;
  private readonly deadline: Milliseconds;
  private readonly clock: Clock;
  private readonly deadlines: AnyDeadlines;
  private readonly within: Lane | undefined;
  /** The lane that all lanes it shares room with are within; keeps their order. */
  private readonly root: Lane;
  private readonly ready = { interactive: new RequestList(), background: new RequestList() };
  private readonly lines = new Map<string, NonNullable<LaneRequest['line']>>();
  private inFlight = 0;
  private inBackground = 0;
  private held = 0;
  private started = 0;
  private lost = 0;
  private readonly rejected = { full: 0, deadline: 0, cancelled: 0 };
  /** What a run takes lately. */
  private usual: Milliseconds = 0;
  // Of the root only:
  /** Lanes with requests that are ready, the next one first. */
  private readonly contenders = new Set<Lane>();
  private backgroundReady = 0;
  private sinceBackground = 0;

  constructor(options: LaneOptions = {}) {
    const { name, limit, queue, deadline } = resolveLane(options);
    this.name = name;
    this.limit = typeof limit === 'number' ? new FixedLimit(limit) : new AdaptiveLimit(limit);
    this.longest = queue;
    this.deadline = deadline;
    this.clock = options.clock ?? new SystemClock();
    this.deadlines = new AnyDeadlines(this.clock);
    this.within = options.within;
    this.root = this.within?.root ?? this;
  }

  /** Runs the work when it is its turn. Rejects with `OverloadError`, the signal's reason, or what the work throws. */
  run<T>(work: LaneWork<T>, options: LaneRunOptions = {}): Promise<T> {
    try {
      checkRun(options);
      options.signal?.throwIfAborted();
      return this.submit(work, options).result;
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** For loads: `run` with options that need no check, and a request that its caller may take back or make more urgent. */
  submit<T>(work: LaneWork<T>, options: LaneRunOptions = {}): Submitted<T> {
    let request: LaneRequest;
    try {
      request = this.enter(options);
    } catch (error) {
      return { result: Promise.reject(error), cancel: () => false, promote: () => undefined, begin: () => undefined };
    }
    const call = (): Promise<T> => this.call(request, work, options);
    // `then` keeps the async context of the caller: the work starts when somebody else's ends.
    const result = request.state === 'running' ? call() : this.turnOf(request).then(call);
    const cancel = (error: unknown): boolean => this.giveUp(request, 'cancelled', error);
    return { result, cancel, promote: () => this.promote(request), begin: () => this.beginNow(request) };
  }

  private turnOf(request: LaneRequest): Promise<void> {
    return new Promise<void>((enter, leave) => {
      request.enter = enter;
      request.leave = leave;
    });
  }

  stats(): LaneStats {
    const { ready, held, inFlight, started, lost, rejected } = this;
    return {
      limit: this.limit.current,
      inFlight,
      queued: ready.interactive.size + ready.background.size + held,
      queuedBackground: ready.background.size,
      started,
      rejected: { ...rejected },
      lost,
    };
  }

  private async call<T>(request: LaneRequest, work: LaneWork<T>, { signal, lostAfter }: LaneRunOptions): Promise<T> {
    if (lostAfter !== undefined) request.stopLost = this.deadlines.start(lostAfter, () => this.end(request, 'lost'));
    try {
      const result = await work(signal);
      this.end(request, 'done');
      return result;
    } catch (error) {
      this.end(request, 'failed');
      throw error;
    }
  }

  /** A request that runs, or waits; throws if there is no room to wait. */
  private enter({ key, priority = 'interactive', signal, deadline = FOREVER }: LaneRunOptions): LaneRequest {
    const request = new LaneRequest(priority);
    const line = key === undefined ? undefined : this.lines.get(key);
    if (line === undefined && this.isFreeFor(request)) {
      if (key !== undefined) this.openLine(key, request);
      this.begin(request);
      return request;
    }
    this.makeRoom(priority);
    this.bound(request, Math.min(parseDuration(deadline) ?? FOREVER, this.deadline), signal);
    this.queue(request, key);
    return request;
  }

  private queue(request: LaneRequest, key: string | undefined): void {
    // Looked up again: who made room may have been the last one of the line.
    const line = key === undefined ? undefined : this.lines.get(key);
    if (line === undefined) {
      if (key !== undefined) this.openLine(key, request);
      this.makeReady(request);
      this.root.feed();
      return;
    }
    request.state = 'held';
    request.line = line;
    line.waiting.push(request);
    this.held++;
    if (request.priority === 'background') return;
    line.urgent++;
    this.promote(line.first);
  }

  /** Whether it can begin at once, overtaking nobody. */
  private isFreeFor({ priority }: LaneRequest): boolean {
    const { interactive, background } = this.ready;
    if (interactive.size > 0 || (priority === 'background' && background.size > 0)) return false;
    return this.hasRoom(priority);
  }

  private hasRoom(priority: LanePriority): boolean {
    const limit = this.limit.current;
    if (this.inFlight >= limit) return false;
    if (priority === 'background' && this.inBackground >= Math.max(1, Math.floor(limit / 2))) return false;
    return this.within?.hasRoom(priority) ?? true;
  }

  /** Takes background work out of a full queue if interactive work needs the place. */
  private makeRoom(priority: LanePriority): void {
    const { interactive, background } = this.ready;
    if (interactive.size + background.size + this.held < this.longest) return;
    const last = priority === 'interactive' ? background.last : undefined;
    if (last) {
      this.giveUp(last, 'full', this.overload('full'));
      return;
    }
    this.rejected.full++;
    throw this.overload('full');
  }

  private overload(reason: 'full' | 'deadline'): OverloadError {
    const { interactive, background } = this.ready;
    const ahead = interactive.size + background.size + this.held;
    return new OverloadError(this.name, reason, (ahead / this.limit.current) * this.usual);
  }

  /** It leaves the queue when its time is over, or when its caller does not want it any more. */
  private bound(request: LaneRequest, deadline: Milliseconds, signal: AbortSignal | undefined): void {
    request.stopDeadline = this.deadlines.start(deadline, () => {
      this.giveUp(request, 'deadline', this.overload('deadline'));
    });
    if (signal === undefined) return;
    const aborted = (): void => void this.giveUp(request, 'cancelled', signal.reason);
    signal.addEventListener('abort', aborted);
    request.forget = () => signal.removeEventListener('abort', aborted);
  }

  private openLine(key: string, first: LaneRequest): void {
    first.line = { key, waiting: new RequestList(), urgent: 0, first };
    this.lines.set(key, first.line);
  }

  private makeReady(request: LaneRequest): void {
    request.state = 'ready';
    if (request.line && request.line.urgent > 0) request.priority = 'interactive';
    this.ready[request.priority].push(request);
    if (request.priority === 'background') this.root.backgroundReady++;
    this.root.contenders.add(this);
  }

  private leaveReady(request: LaneRequest): void {
    const { interactive, background } = this.ready;
    request.list?.remove(request);
    if (request.priority === 'background') this.root.backgroundReady--;
    if (interactive.size + background.size === 0) this.root.contenders.delete(this);
  }

  /** Somebody waits for it now. */
  private promote(request: LaneRequest): void {
    if (request.priority === 'interactive') return;
    if (request.state === 'held') {
      request.priority = 'interactive';
      if (request.line) {
        request.line.urgent++;
        this.promote(request.line.first);
      }
    } else if (request.state === 'ready') {
      this.leaveReady(request);
      request.priority = 'interactive';
      this.makeReady(request);
      this.root.feed();
    }
  }

  private beginNow(request: LaneRequest): void {
    if (request.state !== 'ready') return;
    this.leaveReady(request);
    this.begin(request);
    request.enter?.();
  }

  private begin(request: LaneRequest): void {
    request.state = 'running';
    request.begun = elapsed(this.clock);
    request.stopDeadline?.();
    request.forget?.();
    request.stopDeadline = undefined;
    request.forget = undefined;
    this.started++;
    const { root } = this;
    if (request.priority === 'background') root.sinceBackground = 0;
    else if (root.backgroundReady > 0) root.sinceBackground++;
    for (let lane: Lane | undefined = this; lane; lane = lane.within) {
      lane.inFlight++;
      if (request.priority === 'background') lane.inBackground++;
    }
  }

  private end(request: LaneRequest, how: Ended): void {
    if (request.state === 'over') return;
    request.state = 'over';
    request.stopLost?.();
    const now = elapsed(this.clock);
    if (how === 'lost') this.lost++;
    this.usual += (now - request.begun - this.usual) / 32;
    for (let lane: Lane | undefined = this; lane; lane = lane.within) {
      lane.inFlight--;
      if (request.priority === 'background') lane.inBackground--;
      lane.limit.ended(how, request.begun, now, lane.inFlight);
    }
    this.nextOfLine(request);
    this.root.feed();
  }

  /** The next one of the same key is ready. */
  private nextOfLine(ended: LaneRequest): void {
    const { line } = ended;
    if (line?.first !== ended) return;
    const next = line.waiting.shift();
    if (next === undefined) {
      this.lines.delete(line.key);
      return;
    }
    this.held--;
    line.first = next;
    if (next.priority === 'interactive') line.urgent--;
    this.makeReady(next);
  }

  /** Takes a request out of the queue; false if it is not there any more. */
  private giveUp(request: LaneRequest, why: keyof LaneStats['rejected'], error: unknown): boolean {
    if (request.state !== 'held' && request.state !== 'ready') return false;
    if (request.state === 'held') {
      request.list?.remove(request);
      this.held--;
      if (request.priority === 'interactive' && request.line) request.line.urgent--;
    } else {
      this.leaveReady(request);
    }
    const wasReady = request.state === 'ready';
    request.state = 'over';
    request.stopDeadline?.();
    request.forget?.();
    this.rejected[why]++;
    request.leave?.(error);
    if (wasReady) {
      this.nextOfLine(request);
      this.root.feed();
    }
    return true;
  }

  /** Of the root: lets begin what can. */
  private feed(): void {
    for (;;) {
      const background = this.sinceBackground >= BACKGROUND_TURN - 1;
      const [first, second] = background
        ? (['background', 'interactive'] as const)
        : (['interactive', 'background'] as const);
      if (!this.beginOne(first) && !this.beginOne(second)) return;
    }
  }

  /** The lanes take turns. */
  private beginOne(priority: LanePriority): boolean {
    for (const lane of this.contenders) {
      const request = lane.ready[priority].first;
      if (request === undefined || !lane.hasRoom(priority)) continue;
      lane.leaveReady(request);
      if (this.contenders.delete(lane)) this.contenders.add(lane);
      lane.begin(request);
      request.enter?.();
      return true;
    }
    return false;
  }
}
