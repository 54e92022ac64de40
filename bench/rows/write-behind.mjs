/** The rows about write-behind. See index.mjs for what is in a row. */
import { redisCpu, rowsPersisted } from './write-behind-scenarios.mjs';

const sql = (name, variant) => ({ name, module: 'sql', variant });
const ours = (name, module) => ({ name: `nestjs-strata${name}`, module, ours: true });
const ONE_BY_ONE = 'Prisma, upsert one by one';

/** @param {import('./write-behind-scenarios.mjs').Load} load */
const cpuRow = (id, kind, load, goal) => ({
  id,
  scenario: `write-behind: CPU of Redis per persisted write, ${kind}, less is better`,
  tiers: 'redis',
  database: true,
  quickRounds: 1,
  cost: 5,
  unit: 'µs',
  reference: 'one BullMQ job per write',
  goal: `<= ${goal}x`,
  met: ({ ratio }) => ratio <= goal,
  subjects: [{ name: 'one BullMQ job per write', module: 'bullmq' }, ours('', 'strata-write-behind')],
  measure: redisCpu(load),
});

/** @type {import('./index.mjs').Row[]} */
export const writeBehindRows = [
  {
    id: 10,
    scenario: 'write-behind: rows of 5 columns into PostgreSQL, 500 at a time, ours 1,000',
    tiers: 'redis',
    database: true,
    quickRounds: 1,
    cost: 5,
    unit: 'rows/s',
    reference: 'Prisma, multi-row VALUES',
    goal: '>= 0.85x; >= 30x one by one; CPU <= 3 µs/row',
    met: ({ ratio, cpu, over }) => {
      const parts = { ratio: ratio >= 0.85, 'one by one': over(ONE_BY_ONE) >= 30, CPU: cpu <= 3 };
      return Object.keys(parts).filter((part) => !parts[part]);
    },
    subjects: [
      sql('Prisma, multi-row VALUES', 'values'),
      ours(' (SQL only: fence and upsert)', 'strata-sink'),
      ours(' (from Redis: claim to ACK, 4 shards at once)', 'strata-drain'),
      sql('pg, multi-row VALUES, prepared', 'pg values'),
      sql(ONE_BY_ONE, 'upsert'),
      sql('Prisma, 64 upserts at once', '64 upserts'),
      sql('pg, upsert one by one, prepared', 'pg upsert'),
    ],
    measure: rowsPersisted,
  },
  // What the prototype of the design reached.
  cpuRow(12, 'unique keys', {}, 0.41),
  cpuRow(13, 'hot keys', { hot: true }, 0.24),
  // The other end: so few writes that hardly two share a flush. No goal of the design.
  cpuRow(14, 'unique keys, 500 writes/s', { rate: 500 }, 1),
];
