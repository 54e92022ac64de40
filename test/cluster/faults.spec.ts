import { afterEach, expect, it } from '@jest/globals';
import { RedisCluster } from '../../scripts/services/redis-cluster.mjs';
import type { CacheService } from '../../src/index.js';
import { slotOf } from '../../src/tiers/redis/cluster/slots.js';
import { until, useWorld } from '../e2e/world.js';

const world = useWorld();
let cluster: RedisCluster | undefined;

afterEach(async () => {
  await cluster?.end();
  cluster = undefined;
});

const BOUND = 500;
/** What a busy machine takes for a turn of its event loop. */
const ALLOWED = 150;

const open = async (): Promise<CacheService> => {
  const nodes = (cluster as RedisCluster).addresses;
  const tier = { bus: true, bound: BOUND, commandTimeout: 250, cluster: { nodes } };
  return (await world.app({ url: false, tier, ttl: '1h' })).cache;
};

const KEYS = Array.from({ length: 120 }, (_, i) => `film:${i}`);
const tagOfKey = (i: number): string => `shelf:${i % 7}`;

/** A database, two processes that read it through the cache and change it, and what they were shown too late. */
class Load {
  private readonly rows = new Map(KEYS.map((key) => [key, 1]));
  /** When each version was known to be out of date: a completed, delivered invalidation. */
  private readonly outdated = new Map<string, { version: number; at: number }[]>();
  readonly late: string[] = [];
  reads = 0;
  changes = 0;
  failed = 0;
  private running = true;
  private readonly lanes: Promise<void>[];

  constructor(private readonly caches: readonly CacheService[]) {
    this.lanes = caches.flatMap((cache) => [
      ...[1, 2, 3].map(() => this.lane(() => this.read(cache))),
      this.lane(() => this.change(cache)),
    ]);
  }

  async stop(): Promise<void> {
    this.running = false;
    await Promise.all(this.lanes);
  }

  /** What each process reads when all is over has to be what the database has. */
  async final(): Promise<string[]> {
    const wrong: string[] = [];
    for (const cache of this.caches) {
      for (const [i, key] of KEYS.entries()) {
        const value = await cache.getOrLoad(key, async () => this.rows.get(key), { tags: [tagOfKey(i)] });
        if (value !== this.rows.get(key)) wrong.push(`${key}: ${value} of ${this.rows.get(key)}`);
      }
    }
    return wrong;
  }

  private async lane(step: () => Promise<void>): Promise<void> {
    while (this.running) {
      await step();
      await new Promise((resolve) => setTimeout(resolve, 2 * Math.random()));
    }
  }

  private async read(cache: CacheService): Promise<void> {
    const i = Math.floor(KEYS.length * Math.random());
    const key = KEYS[i] as string;
    const begin = performance.now();
    const options = { tags: [tagOfKey(i)] };
    const value = await cache.getOrLoad(
      key,
      async () => {
        const row = this.rows.get(key);
        await new Promise((resolve) => setTimeout(resolve, 5 * Math.random()));
        return row;
      },
      options,
    );
    this.reads++;
    const since = (this.outdated.get(key) ?? []).find(({ version }) => version === value)?.at;
    if (since !== undefined && begin > since + BOUND + ALLOWED)
      this.late.push(`${key}: ${value} was shown ${Math.round(begin - since)} ms after it was out of date`);
  }

  private async change(cache: CacheService): Promise<void> {
    const i = Math.floor(KEYS.length * Math.random());
    const by = Math.random();
    const keys = by < 0.6 ? [KEYS[i] as string] : KEYS.filter((_key, other) => other % 7 === i % 7);
    const old = keys.map((key) => [key, this.rows.get(key) as number] as const);
    for (const [key, version] of old) this.rows.set(key, version + 1);
    try {
      await cache.evict(by < 0.6 ? (keys[0] as string) : { tags: [tagOfKey(i)] });
    } catch {
      this.failed++;
    }
    this.changes++;
    // What was not confirmed binds this process only, and the others when it has been delivered.
    if ((cache.stats().redis?.undelivered ?? 0) > 0) return;
    for (const [key, version] of old) {
      const list = this.outdated.get(key) ?? [];
      list.push({ version, at: performance.now() });
      this.outdated.set(key, list);
    }
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

const calm = (caches: readonly CacheService[]): boolean =>
  caches.every((cache) => {
    const { redis } = cache.stats();
    return redis?.ready && redis.undelivered === 0 && redis.bus?.lease;
  });

it('loses and delays no invalidation while slots move under load', async () => {
  cluster = await RedisCluster.start({ replicas: false, nodeTimeout: 5_000 });
  const caches = [await open(), await open()];
  await until('memory is believed', () => calm(caches));
  const load = new Load(caches);
  const [first, second, third] = await cluster.masters();
  if (!first || !second || !third) throw new Error('There are not three masters.');
  const slots = [...new Set(KEYS.map((key) => slotOf(`${world.namespace}:e:${key}`)))];
  const from = await Promise.all(slots.map((slot) => cluster?.ownerOf(slot)));
  const of = (master: typeof first): number[] => slots.filter((_slot, i) => from[i] === master).slice(0, 12);
  // Also anchors, and slots with markers: the first of each region.
  const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 20));
  await cluster.move([...of(first), 0, 64, 128, 1024], second, pause);
  await cluster.move([...of(third), 11_264, 12_288], first, pause);
  await cluster.move([...of(second)], third, pause);
  await load.stop();
  await until('all is well', () => calm(caches));
  expect(load.late).toEqual([]);
  expect(await load.final()).toEqual([]);
  expect(load.reads).toBeGreaterThan(500);
  expect(load.changes).toBeGreaterThan(50);
  const { redis } = (caches[0] as CacheService).stats();
  expect(redis?.nodes?.reduce((sum, node) => sum + node.slots, 0)).toBe(16_384);
}, 60_000);

it('keeps versions and holds when a slot moves', async () => {
  cluster = await RedisCluster.start({ replicas: false, nodeTimeout: 5_000 });
  const [a, b] = [await open(), await open()];
  await a.set('film:1', 'kept');
  let loaded = (_value: string): void => {};
  const load = new Promise<string>((resolve) => {
    loaded = resolve;
  });
  const loading = a.getOrLoad('film:2', () => load);
  await until('it loads', () => a.stats().loads === 1);
  const second = b.getOrLoad('film:2', () => 'loaded twice');
  await until('the other one waits', () => b.stats().waited === 1);
  for (const key of ['film:1', 'film:2']) {
    const slot = slotOf(`${world.namespace}:e:${key}`);
    const owner = await cluster.ownerOf(slot);
    const other = (await cluster.masters()).find((node) => node !== owner);
    if (other) await cluster.move([slot], other);
  }
  loaded('loaded once');
  expect([await loading, await second]).toEqual(['loaded once', 'loaded once']);
  expect(await (await open()).get('film:1')).toBe('kept');
}, 60_000);

it('hears of changes through slots that a master has just gained', async () => {
  cluster = await RedisCluster.start({ replicas: false, nodeTimeout: 5_000 });
  const [a, b] = [await open(), await open()];
  await until('memory is believed', () => calm([a, b]));
  const [, second] = await cluster.masters();
  // The lowest anchor of all: from now on its master tells of changes there.
  if (second) await cluster.move([0], second);
  await until('both know', () =>
    [a, b].every((cache) => cache.stats().redis?.nodes?.some(({ slots, lease }) => slots === 5_463 && lease)),
  );
  await Promise.all(KEYS.map((key) => a.set(key, 'old')));
  await Promise.all(KEYS.map((key) => b.get(key)));
  await a.evict([...KEYS]);
  await until('the other one hears of all', () => KEYS.every((key) => b.peek(key) === undefined), 2_000);
}, 60_000);

it('goes on without a master that was killed, and heals when its replica has taken over', async () => {
  cluster = await RedisCluster.start();
  const caches = [await open(), await open()];
  await until('memory is believed', () => calm(caches));
  const [a, b] = caches as [CacheService, CacheService];
  const slots = KEYS.map((key) => slotOf(`${world.namespace}:e:${key}`));
  await Promise.all(KEYS.map((key) => a.set(key, 'old')));
  await Promise.all(KEYS.map((key) => b.get(key)));
  const victim = await cluster.ownerOf(slots[0] as number);
  const owners = await Promise.all(slots.map((slot) => cluster?.ownerOf(slot)));
  const lost = KEYS.filter((_key, i) => owners[i] === victim);
  const others = KEYS.filter((_key, i) => owners[i] !== victim);
  expect(lost.length).toBeGreaterThan(10);
  await victim.stop('SIGKILL');
  // Its keys are as without Redis, the others are not concerned.
  const evicted = lost[0] as string;
  await until('the loss is noticed', () => caches.every((cache) => !cache.stats().redis?.ready));
  await expect(a.evict(evicted, { mustDeliver: true })).rejects.toMatchObject({ code: 'CACHE_UNAVAILABLE' });
  // What it had confirmed and may have lost is told again, too: the keys, and the markers that the puts made.
  expect(a.stats().redis).toMatchObject({ ready: false, undelivered: lost.length });
  expect(await a.getOrLoad(evicted, () => 'source')).toBe('source');
  await a.evict(others[0] as string);
  await until('the other one hears of it', () => b.peek(others[0] as string) === undefined, 1_000);
  const before = b.stats().loads;
  await Promise.all(others.slice(1).map((key) => b.getOrLoad(key, () => 'loaded')));
  // Groups of slots that two masters share have their markers on one of them.
  expect(b.stats().loads - before).toBeLessThan(others.length / 4);
  await until('its replica has taken over, and memory is believed', () => calm(caches), 30_000);
  await until('the eviction is delivered', async () => (await b.get(evicted)) === undefined);
  expect(await (await open()).get(others[1] as string)).toBe('old');
  for (const key of lost.slice(0, 5)) {
    await a.set(key, 'new');
    await until('the other one hears of it', async () => (await b.get(key)) === 'new');
  }
  // It comes back as a replica, and nobody takes notice.
  victim.start();
  await cluster.settled();
  await until('all is well', () => calm(caches));
}, 60_000);

it('is late by no more than the bound under load while masters are killed and come back', async () => {
  cluster = await RedisCluster.start();
  const caches = [await open(), await open()];
  await until('memory is believed', () => calm(caches));
  const load = new Load(caches);
  for (let round = 0; round < 2; round++) {
    const masters = await cluster.masters();
    const victim = masters[round % masters.length];
    await victim?.stop('SIGKILL');
    await new Promise((resolve) => setTimeout(resolve, 300));
    await until('a replica has taken over', () => calm(caches), 30_000);
    victim?.start();
    await cluster.settled();
  }
  await load.stop();
  await until('all is well', () => calm(caches));
  expect(load.late).toEqual([]);
  expect(await load.final()).toEqual([]);
  expect(load.reads).toBeGreaterThan(500);
}, 60_000);
