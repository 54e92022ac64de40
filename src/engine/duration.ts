/** Time in milliseconds. */
export type Milliseconds = number;

/** A length of time: milliseconds, or text such as `'250ms'`, `'30s'`, `'5m'`, `'2h'`, `'1d'`. `Infinity` means "for ever". */
export type Duration = Milliseconds | `${number}${'ms' | 's' | 'm' | 'h' | 'd'}`;

const units: Record<string, Milliseconds> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Longest time that fits the entry format (48 bits of milliseconds, 8,900 years): what `Infinity` becomes. */
export const FOREVER: Milliseconds = 2 ** 48 - 1;

/**
 * The duration in whole milliseconds (Redis takes no others), at least 1 if it is above 0; `undefined` if it is not one (not a
 * number, negative, a unit that does not exist).
 */
export function parseDuration(value: unknown): Milliseconds | undefined {
  if (typeof value === 'number') return value >= 0 ? whole(value) : undefined;
  if (typeof value !== 'string') return undefined;
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(value);
  const unit = units[match?.[2] ?? ''];
  return match && unit ? whole(Number(match[1]) * unit) : undefined;
}

function whole(time: Milliseconds): Milliseconds {
  return time > 0 ? Math.max(1, Math.min(Math.round(time), FOREVER)) : 0;
}

export const DURATION_REMEDY = "Use milliseconds or a text such as '250ms', '30s', '5m', '2h', '1d'.";
