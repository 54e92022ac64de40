/**
 * SIEVE (Zhang et al., NSDI 2024): one queue; a use sets a mark; a hand goes from old to new, takes marks away and evicts the first
 * entry without one. Written here for comparison.
 */
export class Sieve {
  #nodes = new Map();
  #newest;
  #oldest;
  #hand;

  constructor(capacity) {
    this.capacity = capacity;
  }

  get(key) {
    const node = this.#nodes.get(key);
    if (node === undefined) return undefined;
    node.visited = true;
    return node.value;
  }

  set(key, value) {
    if (this.#nodes.size >= this.capacity) this.#evict();
    const node = { key, value, visited: false, older: this.#newest, newer: undefined };
    if (this.#newest) this.#newest.newer = node;
    else this.#oldest = node;
    this.#newest = node;
    this.#nodes.set(key, node);
  }

  #evict() {
    let node = this.#hand ?? this.#oldest;
    while (node.visited) {
      node.visited = false;
      node = node.newer ?? this.#oldest;
    }
    this.#hand = node.newer;
    if (node.newer) node.newer.older = node.older;
    else this.#newest = node.older;
    if (node.older) node.older.newer = node.newer;
    else this.#oldest = node.newer;
    this.#nodes.delete(node.key);
  }
}
