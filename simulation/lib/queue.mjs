/** @typedef {{ at: number, order: number, run: (() => void) | undefined }} Event `run` is taken away from a cancelled one. */

/** Events by their time, those of the same time in the order in which they came: a binary heap. */
export class EventQueue {
  /** @type {Event[]} */
  #heap = [];
  #count = 0;

  /** @param {number} at @param {() => void} run @returns {Event} */
  push(at, run) {
    const event = { at, order: this.#count++, run };
    const heap = this.#heap;
    let i = heap.length;
    heap.push(event);
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (before(heap[parent], event)) break;
      heap[i] = heap[parent];
      i = parent;
    }
    heap[i] = event;
    return event;
  }

  /** @returns {Event | undefined} */
  pop() {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (heap.length === 0) return first;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && before(heap[child + 1], heap[child])) child++;
      if (before(last, heap[child])) break;
      heap[i] = heap[child];
      i = child;
    }
    heap[i] = last;
    return first;
  }
}

/** @param {Event} a @param {Event} b */
const before = (a, b) => a.at < b.at || (a.at === b.at && a.order < b.order);
