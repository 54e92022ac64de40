import type { MarkerValue } from '../../engine/entry-format.js';
import type { RemoteRead } from '../tier.js';
import type { RedisNames } from './names.js';

interface Waiting {
  /** Where the entry is in the command; -1: only markers were asked for. */
  at: number;
  /** Where the markers are: shared by all reads that asked for the same list. */
  markers: MarkerPlaces;
  resolve(read: RemoteRead): void;
  reject(error: unknown): void;
}

interface MarkerPlaces {
  at: number[];
  values: (MarkerValue | null)[] | undefined;
}

/** Entries and markers asked for in the same tick, as one MGET. Markers that several reads want are asked for once. */
export class ReadBatch {
  private readonly names: string[] = [];
  private readonly waiting: Waiting[] = [];
  private readonly places = new Map<string, number>();
  /** By the list itself: readers of keys with the same prefix share one list. */
  private readonly lists = new Map<readonly string[], MarkerPlaces>();

  constructor(private readonly redisNames: RedisNames) {}

  get size(): number {
    return this.names.length;
  }

  add(key: string | undefined, markers: readonly string[]): Promise<RemoteRead> {
    const at = key === undefined ? -1 : this.names.push(this.redisNames.entry(key)) - 1;
    let places = this.lists.get(markers);
    if (places === undefined) {
      places = { at: markers.map((name) => this.placeOf(name)), values: undefined };
      this.lists.set(markers, places);
    }
    const shared = places;
    return new Promise((resolve, reject) => {
      this.waiting.push({ at, markers: shared, resolve, reject });
    });
  }

  async send(mget: (names: string[]) => Promise<unknown>): Promise<void> {
    try {
      const answers = (await mget(this.names)) as (Buffer | null)[];
      for (const { at, markers, resolve } of this.waiting) {
        markers.values ??= markers.at.map((place) => answers[place]?.toString('latin1') ?? null);
        resolve({ entry: at < 0 ? null : (answers[at] ?? null), markers: markers.values });
      }
    } catch (error) {
      for (const { reject } of this.waiting) reject(error);
    }
  }

  private placeOf(marker: string): number {
    let place = this.places.get(marker);
    if (place === undefined) {
      place = this.names.push(this.redisNames.marker(marker)) - 1;
      this.places.set(marker, place);
    }
    return place;
  }
}
