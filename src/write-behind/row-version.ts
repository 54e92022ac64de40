import type { WriteVersion } from './write-buffer.js';

/**
 * A payload with its version in it, as the last member: of two with one name the last counts, for `JSON.parse` and for
 * PostgreSQL. It is spliced in, never parsed; the script MARK does the same.
 * @param label what stands before the digits, see `labelOf`; `undefined`: the entity's rows have no version
 */
export function withVersion(payload: string, label: string | undefined, version: WriteVersion): string {
  return label === undefined ? payload : `${payload.slice(0, -1)}${label}${version}"}`;
}

/** Digits in quotes, as any bigint in a payload. A payload has at least the id, so a comma is right. */
export function labelOf(column: string): string {
  return `,${JSON.stringify(column)}:"`;
}
