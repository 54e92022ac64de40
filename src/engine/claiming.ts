import type { RemoteTier } from '../tiers/tier.js';
import { type Core, holdFor, markerLife } from './core.js';
import type { Flight } from './flights.js';
import { judge, type Lookup } from './lookup.js';
import type { MemoryEntry } from './memory-entry.js';
import type { ResolvedPolicy } from './policy.js';
import type { Permit } from './storing.js';
import { START_LENGTH, type Version } from './version.js';

/**
 * Gets the right to store what is going to be loaded; or a value that somebody stored meanwhile. With single flight in the
 * cluster one process loads and the others wait for it: until it has stored, gave up, or is not there any more. Rejects if
 * Redis cannot be asked.
 */
export function acquire(
  core: Core,
  flight: Flight,
  policy: ResolvedPolicy,
  lookup: Lookup,
): Promise<Permit | MemoryEntry> {
  const remote = core.remote as RemoteTier;
  return policy.cluster && remote.shared && !policy.strong
    ? new Claiming(core, remote, flight, policy).run(lookup)
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
  const marking = remote.mark(flight.markers, markerLife(policy));
  if (lookup.token !== undefined) return { token: lookup.token, markers: await marking, claimed: false };
  const version = core.versions.next();
  // When the hold fails too, nobody waits for the markers any more: their failure would end the process.
  marking.catch(() => undefined);
  const [found, markers] = await Promise.all([remote.hold(flight.key, version, holdFor(policy)), marking]);
  if (found === null) return { token: version, markers, claimed: false };
  const other = await judge(core, flight, { entry: found, markers });
  return other.fresh ?? { token: other.token ?? version, markers, claimed: false };
}

class Claiming {
  private waited = false;

  constructor(
    private readonly core: Core,
    private readonly remote: RemoteTier,
    private readonly flight: Flight,
    private readonly policy: ResolvedPolicy,
  ) {}

  async run(first: Lookup): Promise<Permit | MemoryEntry> {
    const { core, remote, flight, policy } = this;
    const { key } = flight;
    for (let now = first; ; ) {
      const marking = remote.mark(flight.markers, markerLife(policy));
      // A writer's hold: he stores nothing that could be waited for.
      const writers = now.token !== undefined && now.found === undefined && !now.alien && !now.claimed && !this.waited;
      if (writers) return { token: now.token as Version, markers: await marking, claimed: false };
      marking.catch(() => undefined);
      const version = core.versions.next();
      const instead = now.claimed && !this.isOurs(now.token) ? undefined : now.token;
      const keep = now.stale !== undefined;
      const [found, markers] = await Promise.all([remote.claim(key, version, holdFor(policy), instead, keep), marking]);
      if (found === null) return { token: version, markers, claimed: true };
      now = await judge(core, flight, { entry: found, markers });
      if (now.claimed && !this.isOurs(now.token)) now = await this.wait(now.token as Version);
      if (now.fresh) return now.fresh;
    }
  }

  /** What is there when something happened. */
  private async wait(claim: Version): Promise<Lookup> {
    const { core, remote, flight } = this;
    if (!this.waited) core.counters.waited++;
    this.waited = true;
    for (;;) {
      const alive = await remote.wait(flight.key, claim);
      const now = await judge(core, flight, await remote.read(flight.key, flight.markers));
      if (!now.claimed || now.token !== claim) return now;
      if (!alive) return { ...now, claimed: false }; // so that it is replaced
    }
  }

  /** A claim of this process that cannot be shared: its load began before something changed. */
  private isOurs(claim: Version | undefined): boolean {
    return claim?.slice(0, START_LENGTH) === this.core.versions.start;
  }
}
