// The two ends of the line between the suite and one of its processes.
import { execFile, fork } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { promisify } from 'node:util';
import { until, within } from './time.mjs';

/** In a process of the suite: answers its calls, and ends with it. @param {Record<string, Function>} methods */
export function serve(methods) {
  process.on('message', async ({ id, method, args }) => {
    if (method === undefined) return; // an answer to something this process asked
    try {
      process.send({ id, result: await methods[method](...args) }, () => {});
    } catch (error) {
      process.send({ id, error: error?.stack ?? String(error) }, () => {});
    }
  });
  process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));
}

/** Tells the suite, and waits until that is on its way. */
export function tell(event) {
  return new Promise((resolve) => process.send({ event }, () => resolve()));
}

/** What the suite told this process when it started it. */
export const config = process.env.CHAOS ? JSON.parse(process.env.CHAOS) : undefined;

/** In the suite: one process. */
export class Child {
  #calls = new Map();
  #next = 1;

  /**
   * @param {string} name
   * @param {URL} script
   * @param {object} settings
   * @param {string} logFile
   * @param {(event: any, child: Child) => void} onEvent
   */
  constructor(name, script, settings, logFile, onEvent) {
    this.name = name;
    const log = openSync(logFile, 'a');
    this.process = fork(script, {
      env: { ...process.env, NODE_ENV: 'production', NO_COLOR: '1', CHAOS: JSON.stringify({ ...settings, name }) },
      execArgv: [],
      stdio: ['ignore', log, log, 'ipc'],
    });
    closeSync(log);
    this.ended = false;
    this.stopped = false;
    this.exited = once(this.process, 'exit').then(() => {
      this.ended = true;
      for (const { reject } of this.#calls.values()) reject(new Error(`${name} has ended`));
      this.#calls.clear();
    });
    this.ready = Promise.race([
      new Promise((resolve) => {
        this.process.on('message', (message) => {
          if (message.event === 'ready') resolve(true);
          else if (message.event) onEvent(message.event, this);
          else this.#answer(message);
        });
      }),
      this.exited.then(() => false),
    ]);
  }

  /** @param {string} method @param {unknown[]} args */
  call(method, ...args) {
    const id = this.#next++;
    const answer = new Promise((resolve, reject) => {
      if (this.ended || !this.process.connected) return reject(new Error(`${this.name} has ended`));
      this.#calls.set(id, { resolve, reject });
      this.process.send({ id, method, args }, (error) => error && reject(error));
    });
    answer.catch(() => {});
    return within(answer, 120_000, `${this.name}: ${method}`);
  }

  /** @param {NodeJS.Signals} signal */
  signal(signal) {
    if (!this.ended) this.process.kill(signal); // no error if it is gone already
    if (signal === 'SIGSTOP') this.stopped = true;
    if (signal === 'SIGCONT') this.stopped = false;
  }

  /** It has told that it is about to stop; on a busy machine that takes a while, and a SIGCONT in between would be lost. */
  async untilStopped() {
    const state = () =>
      promisify(execFile)('ps', ['-o', 'stat=', '-p', `${this.process.pid}`]).then(({ stdout }) => stdout);
    const stopped = await until(
      () =>
        state().then(
          (text) => text.startsWith('T'),
          () => true,
        ),
      30_000,
      20,
    );
    if (!stopped) throw new Error(`${this.name} does not stop`);
  }

  /** Answers something the process asked; nobody is there to hear it if it was killed meanwhile. */
  answer(message) {
    if (this.process.connected) this.process.send(message, () => {});
  }

  async kill() {
    this.signal('SIGKILL');
    await this.exited;
  }

  #answer({ id, result, error }) {
    const call = this.#calls.get(id);
    this.#calls.delete(id);
    if (error === undefined) call?.resolve(result);
    else call?.reject(new Error(error));
  }
}
