import { CacheUnavailableError } from '../cache.errors.js';
import { type CacheEntry, CacheService, type ManyValues } from '../cache.service.js';
import type { Lease, MarkerChange, RateLimitResult, SharedAtomics } from '../tiers/tier.js';
import { openTransaction } from '../transactions/transaction-context.js';
import type { Advice } from './advice.js';
import { atMost } from './at-most.js';
import { cacheStats, type MemoryBoundsInfo } from './cache-stats.js';
import { positive, wrong } from './call-check.js';
import { SystemClock } from './clock.js';
import { type Core, inMemory, report, valueFor } from './core.js';
import type { Duration, Milliseconds } from './duration.js';
import type { CacheEventName, CacheEvents } from './events.js';
import { type Explanation, explain, tagsOf } from './explain.js';
import { type CacheKey, type EncodedKey, encodeKey } from './key.js';
import { TakenLease } from './lease.js';
import type { LoadContext } from './load-context.js';
import type { Loader } from './loading.js';
import type { Refreshed } from './loading-ahead.js';
import { type LoadMissing, loadMany } from './many.js';
import { PendingChanges, type PendingTarget, storedHere } from './pending-changes.js';
import type { EntryOptions, LoadOptions, ResolvedPolicy } from './policy.js';
import { ReadPath } from './read-path.js';
import type { CacheStats, SourceReporter } from './stats.js';
import { Sweep } from './sweeping.js';
import { type CacheTarget, parseTarget } from './target.js';
import type { KeyLoader, Warming } from './warming.js';
import type { Wanted, Watch } from './watch.js';
import { WritePath } from './write-path.js';

/** One cache: the public operations over the read and the write path. */
export class Cache extends CacheService {
  private readonly reading: ReadPath;
  private readonly writing: WritePath;
  /** Whether memory may answer calls without options. */
  private readonly fast: boolean;
  /** For decorators: the key whose recipe is wanted. */
  readonly wanted: Wanted;
  private given: readonly Advice[] = [];
  /** The app's rules for events; set by the module. */
  onEvent: ((event: string, payload: unknown) => Promise<void>) | undefined;

  constructor(
    readonly name: string,
    private readonly core: Core,
    private readonly atomics: SharedAtomics,
    private readonly bounds: MemoryBoundsInfo,
  ) {
    super();
    this.reading = new ReadPath(core);
    this.writing = new WritePath(core);
    this.fast = inMemory(core, core.policies.base);
    this.wanted = core.warming.wanted;
  }

  get<T>(key: CacheKey): Promise<T | undefined> {
    return guard(() => this.reading.get(encodeKey(key)) as Promise<T | undefined>);
  }

  async getEntry<T>(key: CacheKey): Promise<CacheEntry<T> | undefined> {
    const found = await this.reading.getEntry(encodeKey(key));
    if (!found) return undefined;
    const { entry, tier } = found;
    const { createdAt, expiresAt, staleUntil, source } = entry;
    const value = valueFor(this.core, entry) as T;
    return { value, createdAt, expiresAt, staleUntil, tags: tagsOf(entry.markers), tier, source };
  }

  peek<T>(key: CacheKey): T | undefined {
    const entry = this.reading.fromMemory(typeof key === 'string' ? key : encodeKey(key));
    return entry && (valueFor(this.core, entry) as T);
  }

  async has(key: CacheKey): Promise<boolean> {
    return (await this.reading.getEntry(encodeKey(key))) !== undefined;
  }

  set<T>(key: CacheKey, value: T, options?: EntryOptions): Promise<void> {
    return guard(() => {
      const encoded = encodeKey(key);
      const done = this.writing.set(encoded, value, this.core.policies.of(options));
      storedHere(this.core, encoded);
      return done;
    });
  }

  async write<T>(key: CacheKey, change: () => Promise<T>, options?: EntryOptions, afterCommit = false): Promise<T> {
    const encoded = encodeKey(key);
    const policy = this.core.policies.of(options);
    if (openTransaction() === undefined) return this.writing.write(encoded, change, policy);
    try {
      return await change();
    } finally {
      // Stored now, it would be read before it is committed, and after a rollback too.
      const target: PendingTarget = { kind: 'keys', keys: [encoded] };
      if (!this.waits(target, 'dead', afterCommit)) await this.carryOut(target, 'dead').catch(() => undefined);
    }
  }

  getOrLoad<T>(key: CacheKey, load: (context: LoadContext<T>) => T | Promise<T>, options?: LoadOptions): Promise<T> {
    try {
      if (options === undefined && typeof key === 'string' && this.fast) {
        // Before anything is checked: a key that memory has was checked when it was stored.
        const hit = this.reading.hit(key);
        if (hit !== undefined) return hit as Promise<T>;
      }
      if (typeof load !== 'function') throw wrong('load', load, 'Pass the function that loads the value.');
      const policy = this.core.policies.of(options);
      return this.reading.getOrLoad(encodeKey(key), load as Loader, policy) as Promise<T>;
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** For decorators: a hit in memory, or nothing. */
  hit(key: EncodedKey): Promise<unknown> | undefined {
    return this.reading.hit(key);
  }

  answersFromMemory(policy: ResolvedPolicy): boolean {
    return inMemory(this.core, policy);
  }

  /** For decorators: key and policy are ready. */
  load(key: EncodedKey, load: Loader, policy: ResolvedPolicy): Promise<unknown> {
    return this.reading.getOrLoad(key, load, policy);
  }

  /** For decorators: the policy of options that were checked before. */
  policyOf(options: LoadOptions | undefined): ResolvedPolicy {
    return this.core.policies.of(options);
  }

  loader<T>(
    prefix: string,
    load: (key: string, context: LoadContext<T>) => T | Promise<T>,
    options?: LoadOptions,
  ): () => void {
    if (typeof prefix !== 'string' || prefix === '') throw wrong('prefix', prefix, "Name a prefix: 'product:'.");
    if (typeof load !== 'function') throw wrong('load', load, 'Pass the function that loads the value of a key.');
    return this.core.warming.addLoader(prefix, load as KeyLoader, options);
  }

  /** For the jobs: see `LoadingAhead.load`. */
  loadAhead(
    key: EncodedKey,
    horizon: Milliseconds,
    load: Loader | undefined,
    policy: ResolvedPolicy,
  ): Promise<Refreshed> {
    return this.reading.ahead.load(key, horizon, load, policy);
  }

  /** For the jobs: who is told what is asked for. */
  watchWith(make: (core: Core) => Watch): void {
    this.core.watch = make(this.core);
  }

  /** For decorators: who wants to know how keys are loaded. */
  get watch(): Watch | undefined {
    return this.core.watch;
  }

  advice(): readonly Advice[] {
    return this.given;
  }

  /** For the jobs: what `advice()` answers from now on. */
  advise(advice: readonly Advice[]): void {
    this.given = advice;
    for (const one of advice) this.core.events.emit('advice', one);
  }

  /** For the jobs: how keys are loaded again. */
  get warming(): Warming {
    return this.core.warming;
  }

  hasPolicy(name: string): boolean {
    return this.core.policies.has(name);
  }

  async getMany<T>(keys: readonly CacheKey[]): Promise<Map<CacheKey, T>> {
    const values = await Promise.all(keys.map((key) => this.get<T>(key)));
    return collect(keys, values);
  }

  async setMany<T>(entries: Iterable<readonly [CacheKey, T]>, options?: EntryOptions): Promise<void> {
    const policy = this.core.policies.of(options);
    const checked = Array.from(entries, ([key, value]) => [encodeKey(key), value] as const);
    for (const [key] of checked) storedHere(this.core, key);
    await Promise.all(checked.map(([key, value]) => this.writing.set(key, value, policy)));
  }

  getOrLoadMany<T>(
    keys: readonly CacheKey[],
    load: (missing: CacheKey[]) => Promise<ManyValues<T>> | ManyValues<T>,
    options?: LoadOptions,
  ): Promise<Map<CacheKey, T>> {
    return this.loadMany(keys, (missing) => load(missing), options);
  }

  /** For decorators: the load gets the loads of the keys, too. */
  async loadMany<T>(keys: readonly CacheKey[], load: LoadMissing<T>, options?: LoadOptions): Promise<Map<CacheKey, T>> {
    const values = await loadMany(this.core, this.reading, keys, load, this.core.policies.of(options));
    return collect(keys, values);
  }

  async evict(target: CacheTarget, options?: { mustDeliver?: boolean; afterCommit?: boolean }): Promise<void> {
    const parsed = parseTarget(target);
    if (this.waits(parsed, 'dead', options?.afterCommit)) return;
    const counters = parsed.kind === 'keys' ? parsed.keys : [];
    await this.carryOut(parsed, 'dead', counters, options?.mustDeliver);
  }

  async expire(target: CacheTarget, options?: { afterCommit?: boolean }): Promise<void> {
    const parsed = parseTarget(target);
    if (!this.waits(parsed, 'expired', options?.afterCommit)) await this.carryOut(parsed, 'expired');
  }

  async clear(options?: { afterCommit?: boolean }): Promise<void> {
    const everything: PendingTarget = { kind: 'all' };
    if (!this.waits(everything, 'dead', options?.afterCommit)) await this.carryOut(everything, 'dead');
  }

  async increment(key: CacheKey, by = 1, options?: { ttl?: Duration }): Promise<number> {
    if (!Number.isFinite(by)) throw wrong('by', by, 'Use a finite number.');
    const ttl = options?.ttl === undefined ? undefined : positive('ttl', options.ttl);
    return this.atomics.increment(encodeKey(key), by, ttl);
  }

  async lease(key: CacheKey, options: { ttl: Duration }): Promise<Lease | null> {
    const { clock, versions } = this.core;
    const encoded = encodeKey(key);
    const ttl = positive('ttl', options?.ttl);
    const token = versions.next();
    const asked = clock.now();
    if (!(await this.atomics.acquire(encoded, token, ttl))) return null;
    return new TakenLease(this.atomics, encoded, token, clock, Math.max(0, ttl - (clock.now() - asked)));
  }

  async rateLimit(key: CacheKey, options: { limit: number; window: Duration }): Promise<RateLimitResult> {
    const limit = options?.limit;
    if (!Number.isInteger(limit) || limit < 0) throw wrong('limit', limit, 'Use a whole number from 0.');
    return this.atomics.rateLimit(encodeKey(key), limit, positive('window', options?.window));
  }

  async explain(key: CacheKey): Promise<Explanation> {
    return explain(this.core, encodeKey(key));
  }

  stats(): CacheStats {
    return cacheStats(this.core, this.bounds);
  }

  on<Name extends CacheEventName>(event: Name, listener: (event: CacheEvents[Name]) => void): () => void {
    return this.core.events.on(event, listener);
  }

  async emit(event: string, payload?: unknown): Promise<void> {
    if (typeof event !== 'string' || event === '') throw wrong('event', event, "Name an event: 'product.updated'.");
    await this.onEvent?.(event, payload);
  }

  /** For the module: tells of trouble that no caller sees. */
  trouble(operation: string, error: unknown): void {
    report(this.core, operation, error);
  }

  /** For the module: tells that rules may have missed events. */
  toldMissed(event: CacheEvents['missed']): void {
    this.core.events.emit('missed', event);
  }

  /** For the job of the same name: a walk that clears memory of what is over. */
  sweep(): Sweep {
    return new Sweep(this.core);
  }

  /** For chains of sources: their figures are among `stats()`. A chain of the same name is replaced. */
  addSources(chain: SourceReporter): void {
    this.core.sources.set(chain.name, chain);
  }

  /** For the module: tells that a chain of sources fell back. */
  toldFallback(event: CacheEvents['fallback']): void {
    this.core.events.emit('fallback', event);
  }

  idle(): Promise<void> {
    return this.core.background.idle();
  }

  /** Ends loads' signals and waits for values being stored, at most `deadline`; then closes the tiers. */
  async close(deadline: Milliseconds): Promise<void> {
    this.reading.close();
    // Not by the cache's clock alone: an app of a test must close although nobody moves its clock.
    await atMost(deadline, this.idle(), this.core.clock, new SystemClock());
    await this.core.remote?.close();
    this.core.memory?.clear();
    this.core.events.clear();
  }

  /**
   * Notes an invalidation for the commit of the transaction that the call runs in. True if it waits for that alone: others
   * could load the old row again before the commit, so what does not wait is repeated then.
   */
  private waits(target: PendingTarget, change: MarkerChange, afterCommit = false): boolean {
    const transaction = openTransaction();
    if (transaction === undefined) return false;
    const pending = transaction.note(this.core, () => {
      const made = new PendingChanges();
      transaction.afterCommit(() => this.afterCommit(made));
      return made;
    });
    pending.add(target, change, afterCommit);
    return afterCommit;
  }

  /** Errors were told, and what Redis did not get is delivered later: the transaction has committed and stays a success. */
  private async afterCommit(pending: PendingChanges): Promise<void> {
    const work = pending.all().map(([target, change]) => {
      return this.carryOut(target, change, target.kind === 'keys' && change === 'dead' ? [...pending.counters] : []);
    });
    await Promise.allSettled(work);
  }

  private async carryOut(
    target: PendingTarget,
    change: MarkerChange,
    counters: readonly EncodedKey[] = [],
    mustDeliver = false,
  ): Promise<void> {
    if (target.kind === 'all') return this.tolerate('clear', this.writing.clear());
    const operation = change === 'dead' ? 'evict' : 'expire';
    await Promise.all([
      this.tolerate(operation, this.writing.invalidate(target, change), mustDeliver),
      counters.length > 0 && this.tolerate(operation, this.atomics.forget(counters), mustDeliver),
    ]);
  }

  /** Redis being away is no reason to fail an invalidation: it is delivered later. */
  private async tolerate(operation: string, work: Promise<void>, mustDeliver = false): Promise<void> {
    try {
      await work;
    } catch (error) {
      report(this.core, operation, error);
      if (mustDeliver || !(error instanceof CacheUnavailableError)) throw error;
    }
  }
}

/** Errors of keys and options are rejections, as in the async methods. */
function guard<T>(work: () => Promise<T>): Promise<T> {
  try {
    return work();
  } catch (error) {
    return Promise.reject(error);
  }
}

function collect<T>(keys: readonly CacheKey[], values: readonly (T | undefined)[]): Map<CacheKey, T> {
  const result = new Map<CacheKey, T>();
  keys.forEach((key, i) => {
    const value = values[i];
    if (value !== undefined) result.set(key, value);
  });
  return result;
}
