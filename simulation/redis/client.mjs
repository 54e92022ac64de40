import { EventEmitter } from 'node:events';
import { Link } from './link.mjs';
import { fromBytes, ReplyError, toBytes, toClient } from './reply.mjs';

/** How long a connection that was ended waits for the server, as in ioredis. */
const DISCONNECT_TIMEOUT = 2_000;

/**
 * A client with the shape of ioredis (what `RedisLike` needs, and what a subscriber does), with `enableOfflineQueue: false`,
 * `autoResendUnfulfilledCommands: false` and `maxRetriesPerRequest: 0`: nothing waits for a connection, nothing is sent twice.
 */
export class SimulatedClient {
  status = 'wait';
  #events = new EventEmitter();
  /** @type {Link | undefined} */
  #link;
  /** The client ended the connection, which is not closed yet: the status is still 'ready', and nothing can be sent. */
  #ended = false;
  #forGood = false;
  /** @type {Set<(error: Error) => void>} */
  #pending = new Set();
  /** @type {Set<string>} */
  #channels = new Set();

  /**
   * @param {import('../model/process.mjs').Process} process the process it lives in
   * @param {import('./server.mjs').Server} server
   * @param {{ lazyConnect?: boolean, disconnectTimeout?: number, autoResubscribe?: boolean, role?: string }} options
   */
  constructor(process, server, options = {}) {
    this.options = options;
    this.process = process;
    this.server = server;
    process.clients.push(this);
    if (!options.lazyConnect) void this.connect().catch(() => undefined);
  }

  /** The connection there is now, for faults. */
  get link() {
    return this.#link;
  }

  get isSubscriber() {
    return this.#channels.size > 0;
  }

  duplicate(options = {}) {
    return new SimulatedClient(this.process, this.server, { ...this.options, ...options });
  }

  on(event, listener) {
    this.#events.on(event, listener);
    return this;
  }

  once(event, listener) {
    this.#events.once(event, listener);
    return this;
  }

  off(event, listener) {
    this.#events.off(event, listener);
    return this;
  }

  connect() {
    if (this.status !== 'wait' && this.status !== 'end')
      return Promise.reject(new Error('Redis is already connecting/connected'));
    return new Promise((resolve, reject) => {
      const settle = (work) => () => {
        this.#events.off('ready', ready).off('close', close);
        work();
      };
      const ready = settle(resolve);
      const close = settle(() => reject(new Error('Connection is closed.')));
      this.#events.on('ready', ready).on('close', close);
      this.#forGood = false;
      this.#open();
    });
  }

  callBuffer(command, ...args) {
    return this.#call(true, command, args);
  }

  call(command, ...args) {
    return this.#call(false, command, args);
  }

  ping() {
    return this.call('PING');
  }

  publish(channel, message) {
    return this.call('PUBLISH', channel, message);
  }

  async subscribe(...channels) {
    const count = await this.call('SUBSCRIBE', ...channels.flat());
    for (const channel of channels.flat()) this.#channels.add(channel);
    return count;
  }

  async unsubscribe(...channels) {
    const count = await this.call('UNSUBSCRIBE', ...channels.flat());
    for (const channel of channels.length === 0 ? [...this.#channels] : channels.flat()) this.#channels.delete(channel);
    return count;
  }

  async quit() {
    this.#forGood = true;
    const answer = await this.call('QUIT');
    this.disconnect();
    return answer;
  }

  /** Ends the connection in an orderly way, so a half-open one is only given up after a while; `reconnect`: then opens another. */
  disconnect(reconnect = false) {
    if (!reconnect) this.#forGood = true;
    if (this.#link === undefined) {
      if (!reconnect && this.status !== 'end') {
        this.#become('close');
        this.#become('end');
      }
      return;
    }
    if (this.#ended) return;
    this.#ended = true;
    this.#link.end(this.options.disconnectTimeout ?? DISCONNECT_TIMEOUT);
  }

  /** The process is gone, and its sockets with it. */
  kill() {
    this.status = 'end';
    this.#link?.close();
  }

  #call(asBuffers, command, args) {
    return new Promise((resolve, reject) => {
      if (this.status !== 'ready' || this.#ended) {
        reject(new Error("Stream isn't writeable and enableOfflineQueue options is false"));
        return;
      }
      if (this.isSubscriber && !/^(un)?subscribe$|^ping$|^quit$/i.test(command)) {
        reject(new Error('Connection in subscriber mode, only subscriber commands may be used'));
        return;
      }
      const fail = (error) => this.#pending.delete(fail) && reject(error);
      this.#pending.add(fail);
      this.#link.send([command, ...args.map(toBytes)], (reply) => {
        if (!this.#pending.delete(fail)) return;
        const answer = toClient(reply, asBuffers);
        if (answer instanceof ReplyError) reject(answer);
        else resolve(answer);
      });
    });
  }

  #open() {
    const { process, server } = this;
    const { world } = process;
    this.#become('connecting');
    world.after(0.5 + world.random() * 3, () =>
      process.run(() => {
        if (this.#forGood) return this.#closed();
        if (!server.up) {
          this.#emit('error', new Error('connect ECONNREFUSED'));
          return this.#closed();
        }
        this.#ended = false;
        this.#link = new Link(world, server, process.name, {
          run: (work) => process.run(work),
          lost: () => this.#lost(),
          message: (channel, message) => this.#events.emit('message', fromBytes(channel), fromBytes(message)),
          invalidated: (names) =>
            this.#events.emit(
              'messageBuffer',
              Buffer.from('__redis__:invalidate'),
              names?.map((name) => Buffer.from(name, 'latin1')),
            ),
        });
        this.#become('connect');
        this.#become('ready');
        if (this.#channels.size > 0 && this.options.autoResubscribe !== false)
          void this.subscribe(...this.#channels).catch(() => undefined);
        else this.#channels.clear();
      }),
    );
  }

  #lost() {
    this.#link?.close();
    this.#link = undefined;
    this.#closed();
    for (const fail of [...this.#pending]) fail(new Error('Connection is closed.'));
  }

  #closed() {
    const { world } = this.process;
    this.#become('close');
    if (this.#forGood) return this.#become('end');
    this.#become('reconnecting');
    world.after(2 + world.random() * 25, () =>
      this.process.run(() => (this.#forGood ? this.#become('end') : this.#open())),
    );
  }

  /** As in ioredis the status changes at once, and its event comes in a tick of its own. */
  #become(status) {
    this.status = status;
    this.#emit(status);
  }

  #emit(event, ...args) {
    globalThis.process.nextTick(() => {
      if (event !== 'error' || this.#events.listenerCount('error') > 0) this.#events.emit(event, ...args);
    });
  }
}
