interface Waiting<Request, Answer> {
  request: Request;
  resolve(answer: Answer): void;
  reject(error: unknown): void;
}

/** Sends what was asked in the same tick together. */
export class Batch<Request, Answer> {
  private waiting: Waiting<Request, Answer>[] = [];

  constructor(
    /** Sends requests as one command; answers in their order. */
    private readonly send: (requests: Request[]) => Promise<Answer[]>,
    /** How much one command may carry, as counted by `weigh`: one that is too large delays everybody behind it. */
    private readonly limit: number,
    private readonly weigh: (request: Request) => number,
    /** Called with the first request of a tick. */
    private readonly opened: () => void,
  ) {}

  add(request: Request): Promise<Answer> {
    if (this.waiting.length === 0) this.opened();
    return new Promise((resolve, reject) => {
      this.waiting.push({ request, resolve, reject });
    });
  }

  flush(): void {
    const all = this.waiting;
    if (all.length === 0) return;
    this.waiting = [];
    let from = 0;
    let weight = 0;
    for (let i = 0; i < all.length; i++) {
      const own = this.weigh((all[i] as Waiting<Request, Answer>).request);
      if (weight > 0 && weight + own > this.limit) {
        this.sendPart(all.slice(from, i));
        from = i;
        weight = 0;
      }
      weight += own;
    }
    this.sendPart(from === 0 ? all : all.slice(from));
  }

  private sendPart(part: Waiting<Request, Answer>[]): void {
    this.send(part.map((waiting) => waiting.request)).then(
      (answers) => {
        for (let i = 0; i < part.length; i++) part[i]?.resolve(answers[i] as Answer);
      },
      (error: unknown) => {
        for (const waiting of part) waiting.reject(error);
      },
    );
  }
}
