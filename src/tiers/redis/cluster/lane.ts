interface Job {
  /** The how-manieth call it is. */
  readonly number: number;
  again(): Promise<unknown>;
  resolve(answer: unknown): void;
  reject(error: unknown): void;
}

/**
 * Keeps the order of what is sent to one slot while that moves. Calls are sent at once, as long as all is well. When one is sent
 * elsewhere, those that were called after it, and are answered in the same way, wait for it and are sent again after it, one by
 * one, and so are those that are called meanwhile.
 */
export class Lane {
  private calls = 0;
  private readonly underWay = new Set<number>();
  private waiting: Job[] = [];
  private busy = false;

  get idle(): boolean {
    return this.underWay.size === 0 && this.waiting.length === 0 && !this.busy;
  }

  /** `again`: follows where it is sent to. `isRefused`: whether nothing was done, so that it may be sent again. */
  async run<T>(send: () => Promise<T>, again: () => Promise<T>, isRefused: (error: unknown) => boolean): Promise<T> {
    const number = this.calls++;
    if (this.waiting.length > 0 || this.busy) return this.wait(number, again);
    this.underWay.add(number);
    try {
      return await send();
    } catch (error) {
      if (!isRefused(error)) throw error;
      return await this.wait(number, again);
    } finally {
      this.underWay.delete(number);
      this.next();
    }
  }

  private wait<T>(number: number, again: () => Promise<T>): Promise<T> {
    this.underWay.delete(number);
    return new Promise((resolve, reject) => {
      this.waiting.push({ number, again, resolve: resolve as Job['resolve'], reject });
      this.waiting.sort((a, b) => a.number - b.number);
      this.next();
    });
  }

  private next(): void {
    const [job] = this.waiting;
    if (this.busy || !job || [...this.underWay].some((number) => number < job.number)) return;
    this.waiting.shift();
    this.busy = true;
    job
      .again()
      .then(job.resolve, job.reject)
      .finally(() => {
        this.busy = false;
        this.next();
      });
  }
}
