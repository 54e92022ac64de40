/** A turn of the event loop that takes longer than this has other work to do: ms. Then a load waits for so long, a few times at most. */
const BUSY = 20;
const WAIT = 50;
const MOST_WAITS = 4;

/** Requests come first: waits while the event loop is busy. */
export async function giveWay(): Promise<void> {
  for (let i = 0; i < MOST_WAITS; i++) {
    const begun = performance.now();
    await new Promise((resolve) => setImmediate(resolve));
    if (performance.now() - begun < BUSY) return;
    await new Promise((resolve) => setTimeout(resolve, WAIT).unref());
  }
}
