import type { KeptAs, RemoteTier } from '../tiers/tier.js';
import { type Core, holdFor, inMemory, markerLife } from './core.js';
import type { Flight } from './flights.js';
import { judge, type Lookup } from './lookup.js';
import type { MemoryEntry } from './memory-entry.js';
import type { ResolvedPolicy } from './policy.js';
import type { Permit } from './storing.js';
import { START_LENGTH, type Version } from './version.js';

/** Another process tried lately, in vain: the stale value is to be served. */
export const BACK_OFF = Symbol('back off');

export type Acquired = Permit | MemoryEntry | typeof BACK_OFF;

/**
 * Gets the right to store what is going to be loaded; or a value that somebody stored meanwhile. With single flight in the
 * cluster one process loads and the others wait for it: until it has stored, gave up, or is not there any more. Rejects if
 * Redis cannot be asked. `insist`: load although another process did in vain.
 */
export function acquire(
  core: Core,
  flight: Flight,
  policy: ResolvedPolicy,
  lookup: Lookup,
  insist: boolean,
): Promise<Acquired> {
  const remote = core.remote as RemoteTier;
  return policy.cluster && remote.shared && !policy.strong
    ? new Claiming(core, remote, flight, policy, insist).run(lookup)
    : hold(core, remote, flight, policy, lookup);
}

/** Loaders of several processes may share a hold; one of them stores. */
async function hold(
  core: Core,
  remote: RemoteTier,
  flight: Flight,
  policy: ResolvedPolicy,
  lookup: Lookup,
): Promise<Permit | MemoryEntry> {
  const marking = remote.mark(flight.markers, markerLife(policy), flight.key);
  const ours = { claimed: false, kept: false };
  if (lookup.token !== undefined) return { token: lookup.token, markers: await marking, ...ours };
  const version = core.versions.next();
  // When the hold fails too, nobody waits for the markers any more: their failure would end the process.
  marking.catch(() => undefined);
  const [found, markers] = await Promise.all([remote.hold(flight.key, version, holdFor(policy)), marking]);
  if (found === null) return { token: version, markers, ...ours };
  const other = await judge(core, flight, { entry: found, markers });
  return other.fresh ?? { token: other.token ?? version, markers, ...ours };
}

class Claiming {
  private waited = false;

  constructor(
    private readonly core: Core,
    private readonly remote: RemoteTier,
    private readonly flight: Flight,
    private readonly policy: ResolvedPolicy,
    private readonly insist: boolean,
  ) {}

  async run(first: Lookup): Promise<Acquired> {
    const { core, remote, flight, policy } = this;
    const { key } = flight;
    for (let now = first; ; ) {
      if (await this.isToWait(now)) return BACK_OFF;
      const marking = remote.mark(flight.markers, markerLife(policy), flight.key);
      // A writer's hold: he stores nothing that could be waited for.
      const writers = now.token !== undefined && now.found === undefined && !now.alien && !now.claimed && !this.waited;
      if (writers) return { token: now.token as Version, markers: await marking, claimed: false, kept: false };
      marking.catch(() => undefined);
      const version = core.versions.next();
      const instead = now.claimed && !now.failed && !this.isOurs(now.token) ? undefined : now.token;
      const keep: KeptAs = now.fresh ? 'fresh' : now.stale ? 'stale' : 'nothing';
      const claiming = remote.claim(key, version, holdFor(policy), instead, keep);
      const [found, markers] = await Promise.all([claiming, marking]).catch((error: unknown) => {
        this.giveBack(version, claiming);
        throw error;
      });
      if (found === null) return { token: version, markers, claimed: true, kept: keep !== 'nothing' };
      now = await judge(core, flight, { entry: found, markers });
      if (now.fresh) return now.fresh;
      if (now.claimed && !now.failed && !this.isOurs(now.token)) now = await this.wait(now.token as Version);
      if (now.fresh) return now.fresh;
    }
  }

  /** The markers could not be read, so this process loads for itself: others must not wait for it. */
  private giveBack(version: Version, claiming: Promise<Buffer | null>): void {
    const { remote, flight } = this;
    claiming.then((found) => (found === null ? remote.abandon(flight.key, version) : undefined)).catch(() => undefined); // told until it is heard
  }

  /** What is there when something happened. */
  private async wait(claim: Version): Promise<Lookup> {
    const { core, remote, flight } = this;
    if (!this.waited) core.counters.waited++;
    this.waited = true;
    for (;;) {
      const alive = await remote.wait(flight.key, claim);
      const now = await judge(core, flight, await remote.read(flight.key, flight.markers));
      if (!now.claimed || now.failed || now.fresh || now.token !== claim) return now;
      if (!alive) return { ...now, claimed: false }; // so that it is replaced
    }
  }

  /** Whether another process, which is still there, loaded it in vain and will tell when the next may try. */
  private async isToWait({ failed, token, stale }: Lookup): Promise<boolean> {
    if (!failed || this.insist || !stale || this.policy.grace === 0) return false;
    // Where memory keeps stale values, it has told when the next try of this process is due, and it is now.
    return this.isOurs(token)
      ? !inMemory(this.core, this.policy)
      : this.remote.alive(token as Version, this.flight.key);
  }

  /** A claim of this process that cannot be shared: its load began before something changed. */
  private isOurs(claim: Version | undefined): boolean {
    return claim?.slice(0, START_LENGTH) === this.core.versions.start;
  }
}
