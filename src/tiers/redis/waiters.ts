/** Those who wait for something to happen to a key. */
export class Waiters {
  private readonly byKey = new Map<string, Set<() => void>>();

  /** Resolves when the key is woken. `forget` ends the wait. */
  wait(key: string): { woken: Promise<void>; forget(): void } {
    let wake = (): void => {};
    const woken = new Promise<void>((resolve) => {
      wake = resolve;
    });
    let set = this.byKey.get(key);
    if (!set) {
      set = new Set();
      this.byKey.set(key, set);
    }
    set.add(wake);
    const own = set;
    const forget = (): void => {
      own.delete(wake);
      if (own.size === 0 && this.byKey.get(key) === own) this.byKey.delete(key);
    };
    return { woken, forget };
  }

  wake(key: string): void {
    for (const wake of this.byKey.get(key) ?? []) wake();
  }

  wakeAll(): void {
    for (const key of [...this.byKey.keys()]) this.wake(key);
  }
}
