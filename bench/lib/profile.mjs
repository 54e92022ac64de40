/**
 * The row of the rows about write-behind: the shop's `Profile`, five columns of four types, about 150 bytes as JSON. No
 * index but the primary key and no foreign key: what a statement costs is to be seen, not what a table adds to it.
 */
export const COLUMNS = ['customer_id', 'display_name', 'favourite_genre', 'newsletter', 'updated_at'];
const FIELDS = ['customerId', 'displayName', 'favouriteGenre', 'newsletter', 'updatedAt'];

export const TABLE = `(
  customer_id integer PRIMARY KEY, display_name text NOT NULL, favourite_genre text, newsletter boolean NOT NULL,
  updated_at timestamptz(3) NOT NULL
)`;

const EPOCH = Date.parse('2026-01-01T00:00:00Z');

/**
 * @typedef {ReturnType<typeof profile>} Profile
 * @param {number} id
 * @param {number} revision each gives other values to all columns but the id
 */
export const profile = (id, revision) => ({
  customerId: id,
  displayName: `Customer number ${id} in revision ${revision}`,
  favouriteGenre: (id + revision) % 3 === 0 ? null : 'Documentary',
  newsletter: (id + revision) % 2 === 0,
  updatedAt: new Date(EPOCH + 1000 * id + revision),
});

/** In the order of COLUMNS. @param {Profile} row */
export const valuesOf = (row) => FIELDS.map((field) => row[field]);

/** Columns of the row as an upsert assigns them. */
export const ASSIGNMENTS = COLUMNS.slice(1)
  .map((column) => `${column} = excluded.${column}`)
  .join(', ');

/**
 * Rows 0..count-1 in batches, of ids far from each other, each batch in the order of the id (else concurrent ones deadlock).
 * @param {number} count
 * @param {number} size
 * @param {number} revision
 */
export function batchesOf(count, size, revision) {
  // 7919 is a prime that no count here has as a factor: every id comes once.
  const ids = Array.from({ length: count }, (_, i) => (i * 7919) % count);
  const batches = [];
  for (let from = 0; from < count; from += size) {
    const batch = ids.slice(from, from + size).sort((a, b) => a - b);
    batches.push(batch.map((id) => profile(id, revision)));
  }
  return batches;
}
