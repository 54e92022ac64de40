import { sleep } from '../lib/time.mjs';

/**
 * A place in what the flusher asks of the database. begin: nothing was sent; opened: BEGIN was sent; written: all but COMMIT
 * was sent; committed: COMMIT was answered, and the flusher does not know yet. Where a batch is one statement, it has no
 * place inside: it then fails as by a deadlock, and the transaction that comes after trouble has the place.
 * @typedef {'begin' | 'opened' | 'written' | 'committed'} Place
 */

/**
 * @typedef {object} Arm
 * @property {number} id
 * @property {Place} at
 * @property {'kill' | 'stop' | 'block' | 'deadlock'} act stop: SIGSTOP; block: the event loop, for `ms`
 * @property {string} [key] only a transaction that writes this key, else the next one
 * @property {number} [ms]
 */

/** A Prisma client that strikes where it was told to. */
export class FaultyClient {
  /** @type {Arm[]} */
  #arms = [];

  /**
   * @param {any} client
   * @param {(event: object) => Promise<void>} tell
   * @param {{ rewrite?(query: string): string }} broken other statements
   */
  constructor(client, tell, broken) {
    this.client = client;
    this.tell = tell;
    this.broken = broken;
    this._runtimeDataModel = client._runtimeDataModel; // where the names of models come from
  }

  /** @param {Arm} arm */
  arm(arm) {
    this.#arms.push(arm);
  }

  /** @param {number} id @returns {boolean} whether it had not struck yet */
  disarm(id) {
    const before = this.#arms.length;
    this.#arms = this.#arms.filter((arm) => arm.id !== id);
    return this.#arms.length < before;
  }

  $queryRawUnsafe(query, ...values) {
    return this.client.$queryRawUnsafe(query, ...values);
  }

  /** A batch in one statement. */
  async $executeRawUnsafe(query, ...values) {
    const arm = this.#find(values[0]);
    if (arm?.at === 'opened' || arm?.at === 'written') await strike({ act: 'deadlock' }, this.client);
    await this.#strike(arm, 'begin');
    const answer = await this.client.$executeRawUnsafe(this.broken.rewrite?.(query) ?? query, ...values);
    await this.#strike(arm, 'committed');
    return answer;
  }

  async $transaction(work, options) {
    const arm = this.#arms.length > 0 ? this.#find(await payloadsOf(work)) : undefined;
    await this.#strike(arm, 'begin');
    const answer = await this.client.$transaction(async (tx) => {
      await this.#strike(arm, 'opened', tx);
      const written = await work(this.#through(tx));
      await this.#strike(arm, 'written', tx);
      return written;
    }, options);
    await this.#strike(arm, 'committed');
    return answer;
  }

  #find(payloads) {
    return this.#arms.find(({ key }) => key === undefined || payloads.includes(`"id":"${key}"`));
  }

  #through(tx) {
    const rewritten = (query) => this.broken.rewrite?.(query) ?? query;
    return {
      $queryRawUnsafe: (query, ...values) => tx.$queryRawUnsafe(query, ...values),
      $executeRawUnsafe: (query, ...values) => tx.$executeRawUnsafe(rewritten(query), ...values),
    };
  }

  /** @param {Arm | undefined} arm @param {Place} place */
  async #strike(arm, place, tx) {
    if (arm?.at !== place || !this.disarm(arm.id)) return;
    await this.tell({ type: 'struck', arm: arm.id });
    await strike(arm, tx);
  }
}

/** What a transaction is going to write is found by letting it talk to nobody first. */
async function payloadsOf(work) {
  let payloads = '';
  const nobody = {
    $queryRawUnsafe: async () => [],
    $executeRawUnsafe: async (_query, ...values) => {
      if (values.length === 1) payloads += values[0];
      return Number.MAX_SAFE_INTEGER; // as many as were wanted
    },
  };
  await work(nobody);
  return payloads;
}

/** @param {Pick<Arm, 'act' | 'ms'>} arm */
export async function strike({ act, ms }, tx) {
  if (act === 'kill') process.kill(process.pid, 'SIGKILL');
  if (act === 'stop') process.kill(process.pid, 'SIGSTOP');
  if (act === 'block') Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
  if (act === 'deadlock') await tx.$executeRawUnsafe("DO $$ BEGIN RAISE 'chaos' USING ERRCODE = '40P01'; END $$");
  await sleep(0); // the signal has been taken
}
