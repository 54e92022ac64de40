import type { Milliseconds } from '../../engine/duration.js';
import type { Version } from '../../engine/version.js';

/** Beyond it the older half is forgotten: their claims would end with their life in Redis. */
const MAX_ENDED = 10_000;

interface Ended {
  readonly key: string;
  readonly version: Version;
  readonly at: Milliseconds;
}

/**
 * Claims of whose end a Redis was told, as long as a restart or a failover may forget it: then the claim is there again, and
 * others would wait for it as long as this process lives.
 */
export class EndedClaims {
  private ended: Ended[] = [];

  constructor(private readonly lossWindow: Milliseconds) {}

  /** Redis knows the end of a claim since `at`. Any other version does no harm: nobody waits for it. */
  add(key: string, version: Version, at: Milliseconds): void {
    if (this.lossWindow === 0) return;
    this.ended.push({ key, version, at });
    if (this.ended.length > MAX_ENDED) this.ended = this.ended.slice(MAX_ENDED / 2);
  }

  /** An echo of what was said at `sent` was heard. */
  safe(sent: Milliseconds): void {
    const count = this.ended.findIndex(({ at }) => at + this.lossWindow > sent);
    this.ended = count < 0 ? [] : this.ended.slice(count);
  }

  /** The connection broke: all that may be forgotten. */
  takeAll(): readonly Ended[] {
    const { ended } = this;
    this.ended = [];
    return ended;
  }
}
