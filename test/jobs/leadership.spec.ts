import { describe, expect, it } from '@jest/globals';
import { TakenLease } from '../../src/engine/lease.js';
import { CacheUnavailableError } from '../../src/index.js';
import { Leadership } from '../../src/jobs/leadership.js';
import { FakeClock } from '../../src/testing.js';
import { MemoryAtomics } from '../../src/tiers/memory/memory-atomics.js';
import type { Lease, SharedAtomics } from '../../src/tiers/tier.js';

/** Processes that share one place for leases and have one clock; each may stand still. */
function cluster(size: number, within = 10_000) {
  const state = { away: false, tellElected: () => undefined as unknown };
  const clock = new FakeClock();
  const shared = new MemoryAtomics(clock);
  const asked = async <T>(work: () => Promise<T>): Promise<T> => {
    if (state.away) throw new CacheUnavailableError('lease');
    return work();
  };
  const atomics = {
    acquire: (...args: Parameters<SharedAtomics['acquire']>) => asked(() => shared.acquire(...args)),
    renew: (...args: Parameters<SharedAtomics['renew']>) => asked(() => shared.renew(...args)),
    release: (...args: Parameters<SharedAtomics['release']>) => asked(() => shared.release(...args)),
  } as SharedAtomics;
  let tokens = 0;
  const processes = Array.from({ length: size }, () => {
    const terms: Lease[] = [];
    const cache = {
      lease: async (key: string[], { ttl }: { ttl: number }) => {
        const token = String(tokens++);
        return (await atomics.acquire(String(key), token, ttl))
          ? new TakenLease(atomics, String(key), token, clock, ttl)
          : null;
      },
    };
    const elected = (term: Lease): void => {
      state.tellElected();
      terms.push(term);
    };
    const leadership = new Leadership(cache as never, ['leader'], within, { elected });
    let alive = true;
    const again = (): void => {
      clock.after(leadership.every, () => {
        if (!alive) return;
        void leadership.tick();
        again();
      });
    };
    const start = async () => {
      await leadership.tick();
      again();
    };
    const kill = (): void => {
      alive = false;
    };
    return { leadership, terms, start, kill };
  });
  const leaders = () => processes.filter(({ leadership }) => leadership.term !== undefined);
  return { clock, processes, leaders, state };
}

describe('leadership', () => {
  it('is with one process, for as long as that lives', async () => {
    const { clock, processes, leaders } = cluster(3);
    for (const one of processes) await one.start();
    const [first] = leaders();
    for (let i = 0; i < 50; i++) {
      await clock.advance('1s');
      expect(leaders()).toEqual([first]);
    }
    expect(first?.terms).toHaveLength(1);
  });

  it('is with another process within the lease after the leader was killed, and never with two', async () => {
    const { clock, processes, leaders } = cluster(3);
    for (const one of processes) await one.start();
    for (let round = 0; round < 2; round++) {
      const [leader] = leaders();
      leader?.kill();
      let took = 0;
      while (leaders().length === 0 || leaders()[0] === leader) {
        expect(leaders().length).toBeLessThan(2);
        await clock.advance(100);
        took += 100;
      }
      expect(took).toBeLessThanOrEqual(10_000);
      expect(leaders()).toHaveLength(1);
    }
  });

  it('tells the work of the old leader to stop before another one leads', async () => {
    const { clock, processes, leaders, state } = cluster(2);
    for (const one of processes) await one.start();
    const [leader] = leaders();
    leader?.kill();
    const aborted: boolean[] = [];
    state.tellElected = () => aborted.push(leader?.terms[0]?.signal.aborted ?? false);
    await clock.advance('10s');
    expect(aborted).toEqual([true]);
  });

  it('goes at once to another process when the leader resigns', async () => {
    const { clock, processes, leaders } = cluster(2);
    for (const one of processes) await one.start();
    const [leader] = leaders();
    leader?.kill();
    await leader?.leadership.resign();
    await clock.advance('2s');
    expect(leaders()).toHaveLength(1);
    expect(leaders()[0]).not.toBe(leader);
  });

  it('ends when Redis is away for longer than the lease, and comes back with it', async () => {
    const { clock, processes, leaders, state } = cluster(2);
    for (const one of processes) await one.start();
    state.away = true;
    await clock.advance('5s');
    expect(leaders()).toHaveLength(1);
    await clock.advance('5s');
    expect(leaders()).toHaveLength(0);
    state.away = false;
    await clock.advance('2s');
    expect(leaders()).toHaveLength(1);
  });

  it('ends at once when the lease is gone from Redis', async () => {
    const { clock, processes, leaders } = cluster(1);
    for (const one of processes) await one.start();
    const term = leaders()[0]?.terms[0];
    await term?.release();
    expect(leaders()).toHaveLength(0);
    await clock.advance('2s');
    expect(processes[0]?.terms).toHaveLength(2);
  });
});
