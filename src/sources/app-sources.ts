import type { Clock } from '../engine/clock.js';
import type { ProviderFinder } from './backup.js';

/** What fallbacks of one app share. */
export class AppSources {
  /** Set when the module is made. */
  finder: ProviderFinder | undefined;
  /** Some method has a fallback: loads of cached methods tell what is part of them. */
  used = false;

  constructor(
    readonly clock: Clock,
    readonly random: () => number,
  ) {}
}
