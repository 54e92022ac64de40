import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { currentTransaction, runInTransaction } from '../../src/index.js';
import { openTransaction, transactions } from '../../src/transactions/transaction-context.js';
import { deferred, settled } from '../engine/embedded-cache.js';

/** A database that begins, commits and rolls back as it is told. */
function database(commit: () => unknown = () => undefined) {
  const log: string[] = [];
  const transact = async <T>(work: () => Promise<T>): Promise<T> => {
    log.push('begin');
    let result: T;
    try {
      result = await work();
    } catch (error) {
      log.push('rollback');
      throw error;
    }
    await commit();
    log.push('commit');
    return result;
  };
  return { log, transact };
}

const refused = Object.assign(new Error('duplicate key'), { code: '23505' });
const lost = Object.assign(new Error('Connection terminated unexpectedly'), { code: 'ECONNRESET' });
const fail = (error: unknown) => () => Promise.reject(error);

describe('runInTransaction', () => {
  afterEach(() => {
    expect(transactions.changing).toBe(0);
  });

  /** Runs a transaction that leaves a mark in the log at each of its ends. */
  async function marked(db: ReturnType<typeof database>, work: () => unknown = () => 'done', options = {}) {
    const all = async (): Promise<unknown> => {
      currentTransaction()?.afterCommit(() => db.log.push('after commit'));
      currentTransaction()?.afterRollback(() => db.log.push('after rollback'));
      return work();
    };
    return runInTransaction(db.transact, all, options);
  }

  it('runs what waits for the commit after it, and answers what the work returned', async () => {
    const db = database();
    expect(await marked(db)).toBe('done');
    expect(db.log).toEqual(['begin', 'commit', 'after commit']);
  });

  it('passes on what the database gives to the work', async () => {
    const transact = (work: (tx: string, attempt: number) => Promise<string>) => work('tx', 1);
    expect(await runInTransaction(transact, async (tx, attempt) => `${tx}${attempt}`)).toBe('tx1');
  });

  it('resolves only when what waited for the commit is done', async () => {
    const slow = deferred();
    const done = jest.fn();
    const running = runInTransaction(database().transact, async () => {
      currentTransaction()?.afterCommit(() => slow.promise);
    }).then(done);
    await settled();
    expect(done).not.toHaveBeenCalled();
    slow.resolve(undefined);
    await running;
  });

  it('after a rollback runs what waits for that, passes the error on, and forgets the rest', async () => {
    const db = database();
    await expect(marked(db, fail(new Error('no')))).rejects.toThrow('no');
    expect(db.log).toEqual(['begin', 'rollback', 'after rollback']);
  });

  it('takes a COMMIT that the database refused for a rollback', async () => {
    const db = database(fail(refused));
    await expect(marked(db)).rejects.toBe(refused);
    expect(db.log).toEqual(['begin', 'after rollback']);
  });

  it('takes a COMMIT of which nobody knows the outcome for one that may have happened', async () => {
    const db = database(fail(lost));
    await expect(marked(db)).rejects.toBe(lost);
    expect(db.log).toEqual(['begin', 'after commit']);
  });

  it('lets its caller say what the error of a COMMIT means', async () => {
    const db = database(fail(lost));
    await expect(marked(db, undefined, { rolledBack: (error: unknown) => error === lost })).rejects.toBe(lost);
    expect(db.log).toEqual(['begin', 'after rollback']);
    const other = database(fail(refused));
    const throwing = {
      rolledBack: () => {
        throw new Error('broken');
      },
    };
    await expect(marked(other, undefined, throwing)).rejects.toBe(refused);
    expect(other.log).toEqual(['begin', 'after commit']);
  });

  it('takes a failure that was swallowed for a commit that may have happened', async () => {
    const log: string[] = [];
    await runInTransaction<[], unknown>(
      (work) => work().catch(() => 'swallowed'),
      async () => {
        currentTransaction()?.afterCommit(() => log.push('after commit'));
        throw new Error('no');
      },
    );
    expect(log).toEqual(['after commit']);
  });

  it('of a transaction that is tried again keeps only the last try', async () => {
    const log: string[] = [];
    let tries = 0;
    await runInTransaction<[], unknown>(
      (work) => work().catch(() => work()),
      async () => {
        const attempt = ++tries;
        currentTransaction()?.afterCommit(() => log.push(`commit ${attempt}`));
        currentTransaction()?.afterRollback(() => log.push(`rollback ${attempt}`));
        if (attempt === 1) throw new Error('serialization failure');
      },
    );
    expect(log).toEqual(['rollback 1', 'commit 2']);
  });

  it('does nothing when the transaction never began', async () => {
    const work = jest.fn(async () => undefined);
    await expect(runInTransaction(() => Promise.reject(lost), work)).rejects.toBe(lost);
    expect(work).not.toHaveBeenCalled();
  });

  it('is open for the work and all it calls, and for nobody else', async () => {
    expect(currentTransaction()).toBeUndefined();
    const inside = deferred();
    const end = deferred();
    const running = runInTransaction(database().transact, async () => {
      await settled();
      inside.resolve(currentTransaction()?.open);
      await end.promise;
    });
    expect(await inside.promise).toBe(true);
    expect(currentTransaction()).toBeUndefined();
    end.resolve(undefined);
    await running;
  });

  it('is over for code that outlives it, whose wishes are carried out at once', async () => {
    const outlives = deferred();
    let late: unknown;
    let known = currentTransaction();
    await runInTransaction(database().transact, async () => {
      known = currentTransaction();
      void outlives.promise.then(() => {
        late = currentTransaction();
      });
    });
    outlives.resolve(undefined);
    await settled();
    expect(late).toBeUndefined();
    expect(known?.open).toBe(false);
    const [commit, rollback] = [jest.fn(), jest.fn()];
    known?.afterCommit(commit);
    known?.afterRollback(rollback);
    await settled();
    expect(commit).toHaveBeenCalledTimes(1);
    expect(rollback).not.toHaveBeenCalled();
  });

  it('inside another one has a commit of its own, after which the other one is open again', async () => {
    const db = database();
    await marked(db, async () => {
      const around = openTransaction();
      await marked(db);
      expect(openTransaction()).toBe(around);
      throw new Error('no');
    }).catch(() => undefined);
    expect(db.log).toEqual(['begin', 'begin', 'commit', 'after commit', 'rollback', 'after rollback']);
  });

  it('as a savepoint waits for the commit of the whole', async () => {
    const db = database();
    await marked(db, () => marked(db, undefined, { nested: true }));
    expect(db.log).toEqual(['begin', 'begin', 'commit', 'commit', 'after commit', 'after commit']);
  });

  it('as a savepoint that is rolled back leaves nothing of itself, and all of the rest', async () => {
    const db = database();
    await marked(db, () => marked(db, fail(new Error('no')), { nested: true }).catch(() => 'goes on'));
    expect(db.log).toEqual(['begin', 'begin', 'rollback', 'after rollback', 'commit', 'after commit']);
  });

  it('as a savepoint of a whole that is rolled back is rolled back with it', async () => {
    const db = database();
    const work = async () => {
      await marked(db, undefined, { nested: true });
      throw new Error('no');
    };
    await marked(db, work).catch(() => undefined);
    expect(db.log).toEqual(['begin', 'begin', 'commit', 'rollback', 'after rollback', 'after rollback']);
  });

  it('does not let a failure after the commit fail the transaction: it becomes a warning', async () => {
    const warn = jest.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
    const other = jest.fn();
    const result = await runInTransaction(database().transact, async () => {
      currentTransaction()?.afterCommit(() => {
        throw new Error('mail server away');
      });
      currentTransaction()?.afterCommit(other);
      return 'done';
    });
    expect(result).toBe('done');
    expect(other).toHaveBeenCalledTimes(1);
    expect(warn).toHaveBeenCalledWith(expect.stringContaining('mail server away'), expect.anything());
    warn.mockRestore();
  });
});
