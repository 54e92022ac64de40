import type { BufferedLetter } from '../write-buffer.js';

/** What a dead letter costs besides what is in it and what the write cost. */
const OVERHEAD = 48;

/** The dead letters of a shard: at most one of each key, the newest. */
export class ShardLetters {
  private readonly letters = new Map<string, { letter: BufferedLetter; bytes: number }>();
  bytes = 0;

  get size(): number {
    return this.letters.size;
  }

  /** All, or those of these keys. */
  of(keys: Iterable<string> = this.letters.keys()): BufferedLetter[] {
    return Array.from(keys, (key) => this.letters.get(key)?.letter).filter((letter) => letter !== undefined);
  }

  add(letter: BufferedLetter, bytesOfWrite: number): void {
    this.remove(letter.key);
    const bytes = bytesOfWrite + Buffer.byteLength(letter.error) + OVERHEAD;
    this.letters.set(letter.key, { letter, bytes });
    this.bytes += bytes;
  }

  /** Answers whether there was one. */
  remove(key: string): boolean {
    this.bytes -= this.letters.get(key)?.bytes ?? 0;
    return this.letters.delete(key);
  }

  /** The database has this version of the key. A newer write that it refused is still of use. */
  removeUntil(key: string, version: string): void {
    const there = this.letters.get(key);
    if (there && Number(there.letter.version) <= Number(version)) this.remove(key);
  }
}
