/** The channel of `postgresEvents` and `invalidationTriggerSql` unless they are told another one. */
export const DEFAULT_CHANNEL = 'nestjs_strata';

/** Longest name in Postgres, in bytes. */
export const MAX_NAME = 63;

/** What delimits code in the SQL we make. */
export const QUOTE = '$strata$';

const REMEDY = `Use a name as the database has it: 1 to ${MAX_NAME} bytes, without NUL and without ${QUOTE}.`;

/** What is wrong with a name; `undefined` if nothing is. */
export function nameRemedy(name: unknown): string | undefined {
  const fits = typeof name === 'string' && name !== '' && !name.includes('\0') && !name.includes(QUOTE);
  return fits && Buffer.byteLength(name) <= MAX_NAME ? undefined : REMEDY;
}

export function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

export function quoteText(text: string): string {
  // E'...' where there is a backslash: standard_conforming_strings may be off.
  const quoted = `'${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`;
  return text.includes('\\') ? `E${quoted}` : quoted;
}
