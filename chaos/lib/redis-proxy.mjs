// A TCP proxy before the real Redis, so that one process can be cut off from it: both of its connections, or only the one
// it hears with, or only the one it speaks with.
import { once } from 'node:events';
import { connect, createServer } from 'node:net';

/** @typedef {'hears' | 'speaks'} Use what a connection is for: one that has subscribed hears */

/** @typedef {{ client: import('node:net').Socket, upstream: import('node:net').Socket, use: Use, waiting: (() => void)[] }} Pair */

export class RedisProxy {
  /** @type {Set<Pair>} */
  #pairs = new Set();
  /** @type {Set<Use>} */
  #stalled = new Set();

  /** @param {string} target a redis:// URL @returns {Promise<RedisProxy>} */
  static async start(target) {
    const proxy = new RedisProxy();
    const { hostname, port } = new URL(target);
    proxy.listener = createServer((client) => proxy.#join(client, Number(port), hostname));
    proxy.listener.listen(0, '127.0.0.1');
    await once(proxy.listener, 'listening');
    proxy.url = `redis://127.0.0.1:${proxy.listener.address().port}`;
    return proxy;
  }

  /** Nothing gets through any more, in either direction, also on connections that come; all of them stay. @param {Use[]} uses */
  stall(...uses) {
    for (const use of uses) this.#stalled.add(use);
  }

  /** What was held back gets through, in its order. */
  resume() {
    this.#stalled.clear();
    for (const { waiting } of this.#pairs) for (const act of waiting.splice(0)) act();
  }

  async stop() {
    for (const pair of this.#pairs) this.#end(pair);
    if (!this.listener.listening) return;
    this.listener.close();
    await once(this.listener, 'close');
  }

  /** @param {import('node:net').Socket} client */
  #join(client, port, hostname) {
    const upstream = connect(port, hostname);
    /** @type {Pair} */
    const pair = { client, upstream, use: 'speaks', waiting: [] };
    this.#pairs.add(pair);
    for (const socket of [client, upstream]) {
      socket.setNoDelay(true);
      socket.on('error', () => {}); // 'close' follows and ends the pair
      socket.on('close', () => this.#pass(pair, () => this.#end(pair)));
    }
    client.on('data', (chunk) => {
      if (pair.use === 'speaks' && /^\*\d+\r\n\$(9\r\n|10\r\ns)subscribe/i.test(chunk.toString('latin1', 0, 32)))
        pair.use = 'hears';
      this.#pass(pair, () => upstream.write(chunk));
    });
    upstream.on('data', (chunk) => this.#pass(pair, () => client.write(chunk)));
  }

  /** @param {Pair} pair @param {() => void} act */
  #pass(pair, act) {
    if (this.#stalled.has(pair.use)) pair.waiting.push(act);
    else act();
  }

  /** @param {Pair} pair */
  #end(pair) {
    this.#pairs.delete(pair);
    pair.client.destroySoon();
    pair.upstream.destroy();
  }
}
