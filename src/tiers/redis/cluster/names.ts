import { ALL } from '../../../engine/epochs.js';
import { RedisNames } from '../names.js';
import { REGION_SLOTS, REGIONS, slotOf, tagOf } from './slots.js';

/** How many lists of one marker are remembered. */
const MAX_LISTS = 1_000;

/** Markers that so many keys have that they stand once in each region. */
const isShared = (marker: string): boolean => marker === ALL || marker.startsWith('p:');

/**
 * The names of one namespace in a cluster. Markers of everything and of prefixes stand once in each region of slots, and are called
 * `<region>:<marker>`; no other marker begins with a digit.
 */
export class ClusterNames extends RedisNames {
  private readonly lists = new Map<string, readonly string[]>();

  constructor(
    namespace: string,
    /** What the client puts in front of every key: it counts for the slot. */
    private readonly prefix: string,
  ) {
    super(namespace);
  }

  /** The slot of a name that this class made. */
  slot(name: string): number {
    return slotOf(this.prefix + name);
  }

  slotOfKey(key: string): number {
    return this.slot(this.entry(key));
  }

  /** What those markers are called that a key in this slot has. */
  markersAt(slot: number, markers: readonly string[]): readonly string[] {
    const region = Math.floor(slot / REGION_SLOTS);
    return markers.map((name) => (isShared(name) ? `${region}:${name}` : name));
  }

  /** All that have to be changed for these markers. */
  everywhere(markers: readonly string[]): string[] {
    return markers.flatMap((name) => {
      if (!isShared(name)) return [name];
      return Array.from({ length: REGIONS }, (_, region) => `${region}:${name}`);
    });
  }

  /** Lists of one marker: those who ask for the same list in a tick share the answer. */
  alone(marker: string): readonly string[] {
    let list = this.lists.get(marker);
    if (!list) {
      if (this.lists.size >= MAX_LISTS) this.lists.clear();
      list = [marker];
      this.lists.set(marker, list);
    }
    return list;
  }

  override marker(name: string): string {
    const [, region, shared] = /^(\d+):(.*)$/s.exec(name) ?? [];
    if (region === undefined || shared === undefined) return super.marker(name);
    return `${super.marker(shared)}{${tagOf(Number(region) * REGION_SLOTS)}}`;
  }

  /** A marker as the engine calls it. */
  static bare(name: string): string {
    return name.replace(/^\d+:/, '');
  }
}
