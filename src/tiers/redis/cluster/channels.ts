import { ANCHOR_DISTANCE, tagOf } from './slots.js';
import type { NodeView } from './view.js';

/**
 * How processes tell each other what one master has changed. A sharded channel can be used only on the master of its slot, so each
 * channel stands in every anchor: who tells something uses one of those that the master has, who hears subscribes to all of them.
 * A master without an anchor (a new one that gets its first slots) takes a plain channel with its id, which is heard there, too.
 */
export class NodeChannels {
  /** Hash tags of the anchors that the master has. */
  readonly anchors: readonly string[];
  /** A hash tag of a slot that it has; `undefined`: it has none. */
  readonly home: string | undefined;
  private readonly ending: string;

  constructor(view: NodeView) {
    const anchors: string[] = [];
    for (const [from, to] of view.ranges) {
      const first = Math.ceil(from / ANCHOR_DISTANCE) * ANCHOR_DISTANCE;
      for (let slot = first; slot <= to; slot += ANCHOR_DISTANCE) anchors.push(tagOf(slot));
    }
    this.anchors = anchors;
    const [range] = view.ranges;
    this.home = anchors[0] ?? (range && tagOf(range[0]));
    this.ending = anchors.length > 0 ? `:{${anchors[0]}}` : `:${view.id}`;
  }

  /** Whether it tells on sharded channels. */
  get sharded(): boolean {
    return this.anchors.length > 0;
  }

  /** Where something is told. */
  told(channel: string): string {
    return channel + this.ending;
  }
}
