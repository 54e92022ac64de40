/**
 * Hit ratio of Belady's optimum: who is asked for again last, or never, leaves. It knows the future; nobody can be better.
 * @param {import('./workloads.mjs').Workload} workload @param {number} capacity
 */
export function belady({ keys, distinct }, capacity) {
  const nextUse = new Int32Array(keys.length);
  const seen = new Int32Array(distinct).fill(keys.length);
  for (let i = keys.length - 1; i >= 0; i--) {
    nextUse[i] = seen[keys[i]];
    seen[keys[i]] = i;
  }
  /** When each key that is in the cache is asked for again; -1: it is not there. */
  const due = new Int32Array(distinct).fill(-1);
  const heap = new Heap();
  let [hits, size] = [0, 0];
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i];
    if (due[key] >= 0) hits++;
    else if (size < capacity) size++;
    else evictLast(heap, due);
    due[key] = nextUse[i];
    heap.push(nextUse[i], key);
  }
  return hits / keys.length;
}

/** What was asked for meanwhile is in the heap with an older time too. */
function evictLast(heap, due) {
  for (;;) {
    const [time, key] = heap.pop();
    if (due[key] !== time) continue;
    due[key] = -1;
    return;
  }
}

/** Largest first. */
class Heap {
  #times = [];
  #keys = [];

  push(time, key) {
    const [times, keys] = [this.#times, this.#keys];
    let at = times.length;
    times.push(time);
    keys.push(key);
    for (let up = (at - 1) >> 1; at > 0 && times[up] < time; up = (at - 1) >> 1) {
      times[at] = times[up];
      keys[at] = keys[up];
      at = up;
    }
    times[at] = time;
    keys[at] = key;
  }

  pop() {
    const [times, keys] = [this.#times, this.#keys];
    const top = [times[0], keys[0]];
    const [time, key] = [times.pop(), keys.pop()];
    const { length } = times;
    if (length === 0) return top;
    let at = 0;
    for (let down = 1; down < length; down = 2 * at + 1) {
      if (down + 1 < length && times[down + 1] > times[down]) down++;
      if (times[down] <= time) break;
      times[at] = times[down];
      keys[at] = keys[down];
      at = down;
    }
    times[at] = time;
    keys[at] = key;
    return top;
  }
}
