// Stands before a server, and is what can go wrong on the way to it: nothing gets through, slowly, or not every time.
import { once } from 'node:events';
import { connect, createServer } from 'node:net';

/**
 * How it behaves. `up`; `down`: connections are refused, and those that are there end; `hangs`: they stay, and nothing gets through;
 * `slow`: every answer comes `delay` ms later; `wrong`: of the requests a share ends its connection.
 * @typedef {{ mode: 'up' | 'down' | 'hangs' } | { mode: 'slow', delay: number } | { mode: 'wrong', share: number, random: () => number }} Behaviour
 */

export class TcpProxy {
  /** @type {Behaviour} */
  #behaviour = { mode: 'up' };
  /** @type {Set<{ client: import('node:net').Socket, upstream: import('node:net').Socket, held: (() => void)[] }>} */
  #pairs = new Set();
  /** Tries to connect, and packets of requests, since the start. */
  connections = 0;
  requests = 0;

  /** @param {string} target URL of the server @returns {Promise<TcpProxy>} */
  static async start(target) {
    const proxy = new TcpProxy();
    const url = new URL(target);
    const { hostname, port } = url; // `url` becomes that of the proxy
    proxy.listener = createServer((client) => proxy.#join(client, Number(port), hostname));
    proxy.listener.listen(0, '127.0.0.1');
    await once(proxy.listener, 'listening');
    url.hostname = '127.0.0.1';
    url.port = proxy.listener.address().port;
    /** The URL to use in its place. */
    proxy.url = url.href;
    return proxy;
  }

  /** @param {Behaviour} behaviour */
  become(behaviour) {
    this.#behaviour = behaviour;
    if (behaviour.mode === 'down') for (const pair of this.#pairs) this.#end(pair);
    if (behaviour.mode !== 'hangs') for (const { held } of this.#pairs) for (const act of held.splice(0)) act();
  }

  async stop() {
    for (const pair of this.#pairs) this.#end(pair);
    if (!this.listener.listening) return;
    this.listener.close();
    await once(this.listener, 'close');
  }

  #join(client, port, hostname) {
    this.connections++;
    client.on('error', () => {}); // 'close' follows
    if (this.#behaviour.mode === 'down') return client.destroy();
    const upstream = connect(port, hostname);
    const pair = { client, upstream, held: [] };
    this.#pairs.add(pair);
    upstream.on('error', () => {});
    for (const socket of [client, upstream]) {
      socket.setNoDelay(true);
      socket.on('close', () => this.#end(pair));
    }
    client.on('data', (chunk) => this.#request(pair, chunk));
    upstream.on('data', (chunk) => this.#answer(pair, chunk));
  }

  #request(pair, chunk) {
    this.requests++;
    const behaviour = this.#behaviour;
    if (behaviour.mode === 'wrong' && behaviour.random() < behaviour.share) return this.#end(pair);
    this.#pass(pair, () => pair.upstream.write(chunk));
  }

  #answer(pair, chunk) {
    const behaviour = this.#behaviour;
    const act = () => pair.client.write(chunk);
    if (behaviour.mode === 'slow') setTimeout(act, behaviour.delay);
    else this.#pass(pair, act);
  }

  #pass(pair, act) {
    if (this.#behaviour.mode === 'hangs' || pair.held.length > 0) pair.held.push(act);
    else act();
  }

  #end(pair) {
    this.#pairs.delete(pair);
    pair.client.destroy();
    pair.upstream.destroy();
  }
}
