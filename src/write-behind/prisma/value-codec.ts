import type { Flaw } from './flaw.js';

/** How values of one type look in payloads. */
export interface ValueCodec {
  /** JSON text of a value that is neither `null` nor `undefined`, rounded and padded as the column would. */
  encode(value: unknown): string | Flaw;
  /** Of a parsed JSON value that is not `null`, in the form of `encode` or of `load`. Absent: it stays what it is. */
  decode?: ((json: never) => unknown) | undefined;
  /**
   * Of what `encode` gives, without its quotes: the one text for all forms of a value that the database takes as equal.
   * Absent: values of this type can look different and be equal, so they identify no row.
   */
  keyText?: ((text: string) => string) | undefined;
  /** The type to read payloads as, if it is not the column's own. */
  readAs?: string;
  /** SQL that gives a value of an expression in a form that `decode` reads. Absent: the expression itself. */
  load?: (expression: string) => string;
}

/** For values whose encoded form is the only one. */
export const asItIs = (text: string): string => text;
