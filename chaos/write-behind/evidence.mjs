// What is there when all is quiet.
import { micros } from '../lib/time.mjs';

/**
 * @typedef {object} Evidence
 * @property {Map<string, { tag: string, n: number, payload: string, version: string | null }>} rows by entity/id
 * @property {{ key: string, at: number, tag: string | null, n: number | null, xid: string }[]} rowLog in the order of commits; `at` as of
 *   `micros`
 * @property {{ scope: string, shard: number, epoch: bigint, worker: string, xid: string }[]} fenceLog
 * @property {Map<string, { operation: string, tag?: string, version: string, error: string }>} letters by entity/id
 * @property {import('./view.mjs').ShardView[]} shards
 */

const ENTITIES = { Item: 'chaos.item', Child: 'chaos.child' };

/**
 * @param {import('./stage.mjs').Stage} stage
 * @param {string} prefix of all ids of the round
 * @param {{ row: number, fence: number }} from where the logs of the round begin
 * @returns {Promise<Evidence>}
 */
export async function collect(stage, prefix, from) {
  const rows = new Map();
  const letters = new Map();
  for (const [entity, table] of Object.entries(ENTITIES)) {
    const found = await stage.servers.withPostgres((client) =>
      client.query(`SELECT id, n, writer, op, payload, version FROM ${table} WHERE starts_with(id, $1)`, [prefix]),
    );
    for (const { id, n, writer, op, payload, version } of found.rows)
      rows.set(`${entity}/${id}`, { tag: `${writer}:${op}`, n, payload, version });
    for (const letter of await stage.control.call('letters', entity)) letters.set(`${entity}/${letter.id}`, letter);
  }
  const { rowLog, fenceLog } = await stage.servers.withPostgres((client) => logs(client, from));
  return { rows, letters, rowLog, fenceLog, shards: await stage.view.look() };
}

async function logs(client, from) {
  // The same moment by both clocks.
  const { rows: clock } = await client.query('SELECT extract(epoch FROM clock_timestamp()) * 1e6 AS now');
  const ahead = Number(clock[0].now) - micros();
  const rows = await client.query(
    `SELECT entity || '/' || id AS key, extract(epoch FROM at) * 1e6 AS at, writer, op, n, xid FROM chaos.row_log
     WHERE seq > $1 ORDER BY seq`,
    [from.row],
  );
  const fences = await client.query(
    'SELECT entity, shard, epoch, worker, xid FROM chaos.fence_log WHERE seq > $1 ORDER BY seq',
    [from.fence],
  );
  const rowLog = rows.rows.map(({ key, at, writer, op, n, xid }) => {
    return { key, at: Number(at) - ahead, tag: writer === null ? null : `${writer}:${op}`, n, xid };
  });
  const fenceLog = fences.rows.map(({ entity, shard, epoch, worker, xid }) => {
    return { scope: entity, shard, epoch: BigInt(epoch), worker, xid };
  });
  return { rowLog, fenceLog };
}

/** Where the logs end now. */
export async function endOfLogs(servers) {
  const { rows } = await servers.withPostgres((client) =>
    client.query(`SELECT coalesce((SELECT max(seq) FROM chaos.row_log), 0)::int AS row,
      coalesce((SELECT max(seq) FROM chaos.fence_log), 0)::int AS fence`),
  );
  return rows[0];
}
