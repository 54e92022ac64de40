/**
 * Why a value cannot be written, in words that follow the name of its field. Returned and not thrown: a row may have
 * several, and all are told at once.
 */
export class Flaw {
  constructor(readonly text: string) {}
}

export function wrongType(expected: string, value: unknown): Flaw {
  return new Flaw(`must be ${expected}, is ${describe(value)}`);
}

/** What a value is, without what is in it: messages end up in logs. */
function describe(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'an array';
  if (typeof value !== 'object') return `a ${typeof value}`;
  const name: unknown = value.constructor?.name;
  return typeof name === 'string' && name !== '' && name !== 'Object' ? `a ${name}` : 'an object';
}
