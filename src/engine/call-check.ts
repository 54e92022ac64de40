import { CacheOptionsError } from '../cache.errors.js';
import { DURATION_REMEDY, type Duration, type Milliseconds, parseDuration } from './duration.js';

/** A time above 0 that a call was given. */
export function positive(option: string, value: Duration | undefined): Milliseconds {
  const parsed = value === undefined ? undefined : parseDuration(value);
  if (parsed === undefined || parsed === 0) throw wrong(option, value, DURATION_REMEDY);
  return parsed;
}

export function wrong(option: string, value: unknown, remedy: string): CacheOptionsError {
  return new CacheOptionsError([{ option, value, remedy }], 'A call to the cache is wrong');
}
