import type { RemoteStats } from '../../tier.js';
import type { CacheNode } from './node.js';
import type { Topology } from './topology.js';

/** What all masters together tell, and each by itself. */
export function clusterStats(
  topology: Topology<CacheNode>,
  undelivered: number,
  own: { lease: boolean; heard: number; unsafe: number } | undefined,
): RemoteStats {
  const all = [...topology.nodes.values()];
  const total = { ...topology.ended };
  for (const { connection } of all) {
    total.answered += connection.answered;
    total.failed += connection.failed;
    total.notSent += connection.notSent;
  }
  const buses = all.map(({ bus }) => bus?.stats()).filter((stats) => stats !== undefined);
  const lags = buses.map(({ lag }) => lag);
  const lag = lags.some((one) => one === undefined) ? undefined : Math.max(...(lags as number[]));
  const gaps = buses.reduce((sum, one) => sum + one.gaps, 0);
  return {
    ready: topology.ready,
    commands: total,
    undelivered,
    bus: own && { ...own, lag: lags.length > 0 ? lag : undefined, gaps },
    nodes: all.map((node) => ({
      node: node.name,
      ready: node.connection.ready,
      lease: node.bus?.stats().lease ?? false,
      slots: node.view.ranges.reduce((sum, [from, to]) => sum + to - from + 1, 0),
    })),
  };
}
