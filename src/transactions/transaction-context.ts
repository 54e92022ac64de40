import { AsyncLocalStorage } from 'node:async_hooks';

/** A database transaction, as far as the cache has to know of it. {@link runInTransaction} opens one. */
export interface TransactionContext {
  /** False from COMMIT or ROLLBACK on, and for code that steps out of the transaction (`Propagation.NotSupported`). */
  readonly open: boolean;
  /**
   * Runs `work` when the transaction has committed, and also when nobody knows whether it has, because the connection was
   * lost during COMMIT: it must do no harm then. Who ran the transaction waits for it. An error of `work` becomes a warning
   * of the process: what is committed is not turned into a failure.
   */
  afterCommit(work: () => unknown): void;
  /** Runs `work` when the transaction, or the savepoint it was called in, is known to be rolled back. Errors as above. */
  afterRollback(work: () => unknown): void;
}

/** How a transaction ended. `unknown`: COMMIT was sent and not answered. */
export type TransactionEnd = 'committed' | 'rolled back' | 'unknown';

const storage = new AsyncLocalStorage<Transaction | undefined>();

/** For paths on which every nanosecond counts: where nobody uses transactions, they compare one number. */
export const transactions = {
  /** Whether this process ever opened one. */
  opened: false,
  /** How many are open in which something was changed that waits for the commit. */
  changing: 0,
};

/** The open transaction that the calling code runs in. */
export function openTransaction(): Transaction | undefined {
  if (!transactions.opened) return undefined;
  const transaction = storage.getStore();
  return transaction?.open ? transaction : undefined;
}

/** The transaction that the calling code runs in, if one is open and the cache was told of it. */
export function currentTransaction(): TransactionContext | undefined {
  return openTransaction();
}

/** The library's side of a transaction: what waits for its end. */
export class Transaction implements TransactionContext {
  private how: TransactionEnd | undefined;
  private readonly waiting: Record<'commit' | 'rollback', (() => unknown)[]> = { commit: [], rollback: [] };
  private readonly notes = new Map<object, unknown[]>();

  constructor(
    /** The transaction whose savepoint this is: what waits for a commit waits for that of the whole. */
    private readonly whole: Transaction | undefined,
    /** Whether the calling code still runs in it, where a library can tell. */
    private readonly active: (() => boolean) | undefined,
  ) {}

  get open(): boolean {
    return this.how === undefined && (this.active === undefined || this.active());
  }

  afterCommit(work: () => unknown): void {
    if (this.how === undefined) this.waiting.commit.push(work);
    else if (this.how === 'rolled back') return;
    else if (this.whole) this.whole.afterCommit(work);
    else void runQuietly(work);
  }

  afterRollback(work: () => unknown): void {
    if (this.how === undefined) this.waiting.rollback.push(work);
    else if (this.how === 'rolled back') void runQuietly(work);
    else this.whole?.afterRollback(work);
  }

  run<T>(work: () => T): T {
    transactions.opened = true;
    return storage.run(this, work);
  }

  /** What its owner (a cache) keeps with this transaction; made at the first call. */
  note<T>(owner: object, make: () => T): T {
    let [note] = this.notes.get(owner) ?? [];
    if (note === undefined) {
      note = make();
      this.addNotes(owner, [note], 'first');
    }
    return note as T;
  }

  /** Everything its owner keeps with this transaction and with those whose savepoint it is. */
  notesOf<T>(owner: object): readonly T[] {
    const own = (this.notes.get(owner) ?? []) as T[];
    return this.whole === undefined ? own : [...own, ...this.whole.notesOf<T>(owner)];
  }

  /** Never rejects. Resolves when all that waited for this end is done. */
  async end(how: TransactionEnd): Promise<void> {
    if (this.how !== undefined) return;
    this.how = how;
    if (this.notes.size > 0) transactions.changing--;
    if (this.whole !== undefined && how !== 'rolled back') return this.joinWhole(this.whole);
    const work = how === 'rolled back' ? this.waiting.rollback : this.waiting.commit;
    // Not in the transaction around this one, if there is one: that has an end of its own.
    await storage.run(undefined, () => Promise.all(work.map(runQuietly)));
  }

  /** A savepoint was released: the transaction around it decides what becomes of all this. */
  private joinWhole(whole: Transaction): void {
    whole.waiting.commit.push(...this.waiting.commit);
    whole.waiting.rollback.push(...this.waiting.rollback);
    for (const [owner, notes] of this.notes) whole.addNotes(owner, notes, 'last');
  }

  private addNotes(owner: object, added: readonly unknown[], where: 'first' | 'last'): void {
    if (this.notes.size === 0) transactions.changing++;
    const notes = this.notes.get(owner) ?? [];
    this.notes.set(owner, where === 'first' ? [...added, ...notes] : [...notes, ...added]);
  }
}

async function runQuietly(work: () => unknown): Promise<void> {
  try {
    await work();
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    const type = 'StrataTransactionWarning';
    const detail = error instanceof Error ? error.stack : undefined;
    process.emitWarning(`What should be done after the end of a transaction failed: ${text}`, { type, detail });
  }
}
