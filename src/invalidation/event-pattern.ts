const ANY_REST = '**';

/** Whether a name stands for several events. */
export function hasWildcard(name: string): boolean {
  return name.includes('*');
}

/** What is wrong with the name of an event or a pattern of names; `undefined` if nothing is. */
export function eventNameRemedy(name: unknown): string | undefined {
  const parts = typeof name === 'string' ? name.split('.') : [''];
  if (parts.some((part) => part === '')) return "Name an event: 'product.updated', or several of them: 'product.*'.";
  if (parts.every((part) => part === '*' || part === ANY_REST || !hasWildcard(part))) return undefined;
  return "A wildcard stands for a whole part between dots: 'product.*' (one part), 'product.**' (any number of parts).";
}

/**
 * Whether two names mean a common event. `*` stands for one part between dots, `**` for any number of parts, also for none,
 * as in EventEmitter2.
 */
export function overlap(one: string, other: string): boolean {
  return one === other || (hasWildcard(one + other) && partsOverlap(one.split('.'), other.split('.')));
}

function partsOverlap(one: readonly string[], other: readonly string[]): boolean {
  const [first, ...rest] = one;
  const [otherFirst, ...otherRest] = other;
  if (first === ANY_REST) return partsOverlap(rest, other) || (other.length > 0 && partsOverlap(one, otherRest));
  if (otherFirst === ANY_REST) return partsOverlap(one, otherRest) || (one.length > 0 && partsOverlap(rest, other));
  if (first === undefined || otherFirst === undefined) return first === otherFirst;
  return (first === '*' || otherFirst === '*' || first === otherFirst) && partsOverlap(rest, otherRest);
}
