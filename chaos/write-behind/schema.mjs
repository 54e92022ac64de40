import { readFile } from 'node:fs/promises';

const FENCE = new URL('../../prisma/migrations/20261121120000_strata_fence/migration.sql', import.meta.url);

/**
 * What a row tells of the write that made it: `writer` and `op` name it, `prev` the write that a patch has read. `version`: see
 * `entitiesOf` in plan.mjs.
 */
const ROW =
  'n int NOT NULL CHECK (n >= 0), writer text NOT NULL, op bigint NOT NULL, prev text, payload text NOT NULL, version bigint';

/**
 * Two tables, and triggers that write down every change of a row and of a fence. A trigger runs while its transaction
 * holds the lock of the row, so of one row, and of one fence, `seq` is the order of the commits.
 */
const TABLES = `
CREATE SCHEMA chaos;
CREATE TABLE chaos.item (id text PRIMARY KEY, ${ROW});
CREATE TABLE chaos.child (id text PRIMARY KEY, parent text REFERENCES chaos.item (id), code text UNIQUE, ${ROW});
CREATE TABLE chaos.row_log (
  seq bigserial PRIMARY KEY, xid bigint NOT NULL DEFAULT txid_current(), at timestamptz NOT NULL DEFAULT clock_timestamp(),
  entity text NOT NULL, id text NOT NULL, writer text, op bigint, n int
);
CREATE TABLE chaos.fence_log (
  seq bigserial PRIMARY KEY, xid bigint NOT NULL DEFAULT txid_current(), entity text NOT NULL, shard int NOT NULL,
  epoch bigint NOT NULL, worker text NOT NULL DEFAULT current_setting('application_name')
);
CREATE FUNCTION chaos.log_row() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' THEN
    INSERT INTO chaos.row_log (entity, id) VALUES (TG_ARGV[0], OLD.id);
  ELSE
    INSERT INTO chaos.row_log (entity, id, writer, op, n) VALUES (TG_ARGV[0], NEW.id, NEW.writer, NEW.op, NEW.n);
  END IF;
  RETURN NULL;
END $$;
CREATE FUNCTION chaos.log_fence() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO chaos.fence_log (entity, shard, epoch) VALUES (NEW.entity, NEW.shard, NEW.epoch);
  RETURN NULL;
END $$;
CREATE TRIGGER log_row AFTER INSERT OR UPDATE OR DELETE ON chaos.item FOR EACH ROW EXECUTE FUNCTION chaos.log_row('Item');
CREATE TRIGGER log_row AFTER INSERT OR UPDATE OR DELETE ON chaos.child FOR EACH ROW EXECUTE FUNCTION chaos.log_row('Child');
CREATE TRIGGER log_fence AFTER INSERT OR UPDATE ON strata_fence FOR EACH ROW EXECUTE FUNCTION chaos.log_fence();
`;

/** @param {import('../lib/servers.mjs').Servers} servers */
export async function makeTables(servers) {
  const fence = await readFile(FENCE, 'utf8');
  await servers.withPostgres((client) => client.query(fence + TABLES));
}
