/**
 * What a subject (one library, set up one way) offers to the rows: types only.
 *
 * @typedef {import('./product.mjs').Product} Product
 *
 * @typedef {object} OpenOptions
 * @property {'memory' | 'redis' | 'tiered'} tiers
 * @property {string} redisUrl
 * @property {string} [databaseUrl] of the rows that need PostgreSQL
 * @property {string} namespace prefix of every key in Redis; the harness removes them afterwards
 * @property {number} ttl milliseconds, far longer than a case
 * @property {number} maxEntries bound of the memory tier, more than a case's working set
 * @property {(key: string) => Promise<Product>} load the source of truth
 * @property {string | undefined} variant a second configuration of the same library
 *
 * @typedef {object} Handle
 * @property {(key: string) => Promise<Product> | Product | undefined} read get, or load and store
 * @property {(key: string, value: Product) => unknown} write
 * @property {(key: string) => Product | undefined} [peek] synchronous, memory only
 * @property {() => Promise<unknown>} [settle] background work is done
 * @property {() => unknown} close
 *
 * Subjects of row 10 offer `database`, and either `drain(rows)` or `batch`, `write(batch)`, `lanes`, `prepare(rows)`; those of the
 * CPU of Redis offer `database`, `put(row)`, `settle()`.
 *
 * @typedef {object} Subject
 * @property {(options: OpenOptions) => Promise<Handle> | Handle} open
 */
export {};
