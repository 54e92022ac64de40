import { randomBytes } from 'node:crypto';

/** 16 ASCII characters that name one state of one key or marker. Unique, not ordered: nothing may compare two with `<`. */
export type Version = string;

export const VERSION_LENGTH = 16;

/** Length of what all versions of one source begin with. */
export const START_LENGTH = 10;

const LOW = 64 * 64;

const digits = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_';

/**
 * Makes versions: 60 random bits for this process start, then a counter of 36 bits. The client knows a version before
 * the script that stores it runs, and no clock takes part.
 */
export class VersionSource {
  /** What all of its versions begin with: names the process that made them. */
  readonly start = Array.from(randomBytes(START_LENGTH), (byte) => digits[byte & 63]).join('');
  private high = '';
  private low = LOW;
  private runs = 0;

  next(): Version {
    if (this.low === LOW) this.startRun();
    const low = this.low++;
    return this.high + digits[low >> 6] + digits[low & 63];
  }

  /** The digits in front of the last two are made once for {@link LOW} versions. */
  private startRun(): void {
    let middle = '';
    for (let i = 0, n = this.runs++; i < 4; i++, n = Math.floor(n / 64)) middle = digits[n & 63] + middle;
    this.high = this.start + middle;
    this.low = 0;
  }
}
