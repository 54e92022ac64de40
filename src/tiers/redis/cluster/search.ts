import { CacheUnavailableError } from '../../../cache.errors.js';
import { compilePattern } from '../../../engine/pattern.js';
import type { ClusterNames } from './names.js';
import type { ClusterNode, Topology } from './topology.js';

const SCAN_COUNT = 500;

/**
 * Finds keys on all masters. A key that moves from a master that was not looked at yet to one that was would be missed: so if slots
 * are on their way, all are looked at twice, by which time it has arrived.
 */
export async function* search(
  topology: Topology<ClusterNode>,
  names: ClusterNames,
  pattern: string,
): AsyncIterable<string[]> {
  const before = topology.changes;
  const open = topology.open;
  yield* searchOnce(topology, names, pattern);
  await topology.look();
  if (open || topology.open || topology.changes !== before) yield* searchOnce(topology, names, pattern);
}

async function* searchOnce(
  topology: Topology<ClusterNode>,
  names: ClusterNames,
  pattern: string,
): AsyncIterable<string[]> {
  const matches = compilePattern(pattern);
  if (!topology.complete) throw new CacheUnavailableError('SCAN', new Error('some slots have no master at the moment'));
  for (const { connection } of [...topology.nodes.values()]) {
    const { keyPrefix } = connection;
    const match = names.entryPattern(pattern, keyPrefix);
    let cursor = '0';
    do {
      const answer = await connection.send('SCAN', [cursor, 'MATCH', match, 'COUNT', SCAN_COUNT]);
      const [next, found] = answer as [Buffer, Buffer[]];
      cursor = next.toString();
      const keys = found.map((name) => names.keyOf(name.toString(), keyPrefix)).filter(matches);
      if (keys.length > 0) yield keys;
    } while (cursor !== '0');
  }
}
