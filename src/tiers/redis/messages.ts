import { type Version } from '../../engine/version.js';
import type { MarkerChange, RemoteChanges } from '../tier.js';

/**
 * What a message tells: names of keys, each followed by the version it has now (''  if none), of markers, patterns, or keys
 * that somebody waits for.
 */
type Kind = 'k' | 'm' | 'p' | 'w';

/** What is done with a message. */
export interface Heard extends RemoteChanges {
  /** Something happened to a key that this process may wait for. */
  wake(key: string): void;
}

const LETTERS = { dead: 'd', expired: 'x' } as const;

/** Messages of one sender. Names are keys and markers, never values. */
export class Messages {
  /** How many of others were applied. */
  heard = 0;

  /** What own messages begin with: they are not even parsed. */
  private readonly own: string;

  constructor(
    /** Unlike that of any other. What we said ourselves need not be told to us: it took effect when it was called. */
    private readonly sender: string,
  ) {
    this.own = `["${sender}",`;
  }

  keys(change: MarkerChange, keys: readonly string[], versions?: readonly Version[]): string {
    return this.message(
      'k',
      change,
      keys.flatMap((key, i) => [key, versions?.[i] ?? '']),
    );
  }

  markers(change: MarkerChange, names: readonly string[]): string {
    return this.message('m', change, names);
  }

  pattern(change: MarkerChange, pattern: string): string {
    return this.message('p', change, [pattern]);
  }

  wake(keys: readonly string[]): string {
    return this.message('w', 'expired', keys);
  }

  /** Applies a message. Answers false if it cannot be read: then it may have told anything. */
  apply(text: string, changes: Heard): boolean {
    if (text.startsWith(this.own)) return true;
    const message = parse(text);
    if (!message) return false;
    const [, kind, letter, ...names] = message;
    this.heard++;
    const change = letter === LETTERS.dead ? 'dead' : 'expired';
    if (kind === 'k') {
      for (let i = 0; i < names.length; i += 2) changes.key(names[i] as string, change, names[i + 1] || undefined);
    } else if (kind === 'm') {
      for (const name of names) changes.marker(name, change);
    } else if (kind === 'w') {
      for (const key of names) changes.wake(key);
    } else if (kind === 'p') {
      for (const pattern of names) changes.pattern(pattern, change);
    } else {
      return false;
    }
    return true;
  }

  private message(kind: Kind, change: MarkerChange, names: readonly string[]): string {
    return JSON.stringify([this.sender, kind, LETTERS[change], ...names]);
  }
}

function parse(text: string): string[] | undefined {
  try {
    const message: unknown = JSON.parse(text);
    const good = Array.isArray(message) && message.length > 3 && message.every((part) => typeof part === 'string');
    return good ? message : undefined;
  } catch {
    return undefined;
  }
}
