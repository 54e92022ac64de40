/**
 * Doubly linked lists of slots, in an array of integers. A slot is in one list at most. The ends of list `l` are node `l`; slot
 * `s` is node `s + lists`. Next and previous of a node stand side by side: at `2 * node` and `2 * node + 1`.
 */
export class LinkedSlots {
  private links: Uint32Array;

  constructor(private readonly lists: number) {
    this.links = Uint32Array.from({ length: 2 * lists }, (_, i) => i >> 1);
  }

  grow(capacity: number): void {
    this.links = grown(this.links, 2 * (capacity + this.lists));
  }

  /** Adds it as the youngest. */
  append(list: number, slot: number): void {
    const { links } = this;
    const node = slot + this.lists;
    const last = links[2 * list + 1] as number;
    links[2 * last] = node;
    links[2 * node + 1] = last;
    links[2 * node] = list;
    links[2 * list + 1] = node;
  }

  remove(slot: number): void {
    const { links } = this;
    const node = slot + this.lists;
    const next = links[2 * node] as number;
    const previous = links[2 * node + 1] as number;
    links[2 * previous] = next;
    links[2 * next + 1] = previous;
  }

  isEmpty(list: number): boolean {
    return this.links[2 * list] === list;
  }

  /** Of a list that is not empty. */
  oldest(list: number): number {
    return (this.links[2 * list] as number) - this.lists;
  }

  /** The next younger one; after the youngest the oldest. */
  after(list: number, slot: number): number {
    const next = this.links[2 * (slot + this.lists)] as number;
    return (next === list ? (this.links[2 * list] as number) : next) - this.lists;
  }

  /** Makes it the oldest: those that were older come behind the youngest, in their order. */
  rotate(list: number, slot: number): void {
    const { links } = this;
    const node = slot + this.lists;
    const first = links[2 * list] as number;
    if (first === node) return;
    const last = links[2 * list + 1] as number;
    const before = links[2 * node + 1] as number;
    links[2 * last] = first;
    links[2 * first + 1] = last;
    links[2 * before] = list;
    links[2 * list + 1] = before;
    links[2 * list] = node;
    links[2 * node + 1] = list;
  }

  isYoungest(list: number, slot: number): boolean {
    return this.links[2 * list + 1] === slot + this.lists;
  }

  /** Moves all of `from` behind what is in `to`. */
  moveAll(from: number, to: number): void {
    if (this.isEmpty(from)) return;
    const { links } = this;
    const first = links[2 * from] as number;
    const last = links[2 * from + 1] as number;
    const end = links[2 * to + 1] as number;
    links[2 * end] = first;
    links[2 * first + 1] = end;
    links[2 * last] = to;
    links[2 * to + 1] = last;
    links[2 * from] = from;
    links[2 * from + 1] = from;
  }
}

/** A longer copy of an array of integers. */
export function grown<Ints extends Uint8Array | Uint32Array | Int32Array>(old: Ints, length: number): Ints {
  const longer = new (old.constructor as new (length: number) => Ints)(length);
  longer.set(old);
  return longer;
}
