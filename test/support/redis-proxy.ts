import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises'; // not faked by jest's timers

/**
 * A TCP proxy in front of the real Redis, so that a spec can take Redis away from one client without touching a server
 * that others use.
 */
export interface RedisProxy {
  /** The URL of the real server, with the proxy's address. Stays the same for the life of the proxy. */
  readonly url: string;
  /**
   * Redis is down: resets all connections, and every new one at once. The proxy keeps its port, so that nobody else
   * can get it meanwhile: a client sees ECONNRESET where a stopped server gives ECONNREFUSED.
   */
  cut(): void;
  /** Ends `cut()`: new connections are accepted again. */
  restore(): void;
  /** Redis hangs: connections stay and are accepted, but nothing gets through in either direction. */
  stall(): void;
  /** Redis is far away: every answer that comes from now on arrives this many milliseconds later. */
  delay(ms: number): void;
  /** Ends `stall()`, so that what was held back gets through in its order, and `delay()` for new answers. */
  resume(): void;
  /** Ends the proxy and all its connections. */
  stop(): Promise<void>;
}

/** One client's connection and its counterpart to the real server. */
interface Pair {
  readonly client: Socket;
  readonly upstream: Socket;
}

export async function startRedisProxy(target: string): Promise<RedisProxy> {
  const { protocol, hostname, port } = new URL(target);
  if (protocol !== 'redis:') throw new Error(`The proxy forwards plain TCP and cannot stand in for a ${protocol} URL.`);
  const pairs = new Set<Pair>();
  let down = false;
  let delayMs = 0;
  let held: { readonly until: Promise<void>; readonly release: () => void } | undefined;

  /** A lane does things one after the other, each once nothing is held back and its own delay is over. */
  function createLane(): (ms: number, act: () => void) => void {
    let earlier: Promise<void> = Promise.resolve();
    return (ms, act) => {
      const due = ms > 0 ? sleep(ms, undefined, { ref: false }) : undefined;
      earlier = earlier.then(async () => {
        await due;
        while (held) await held.until;
        act();
      });
    };
  }

  const listener = createServer((client) => {
    if (down) {
      client.resetAndDestroy();
      return;
    }
    const upstream = connect(Number(port || 6379), hostname);
    const pair = { client, upstream };
    pairs.add(pair);
    for (const socket of [client, upstream]) {
      socket.setNoDelay(true);
      socket.on('error', () => {}); // 'close' follows and ends the pair
    }
    const requests = createLane();
    client.on('data', (chunk) => requests(0, () => upstream.write(chunk)));
    client.on('close', () => close(pair));
    const answers = createLane();
    upstream.on('data', (chunk) => answers(delayMs, () => client.write(chunk)));
    upstream.on('close', () => answers(delayMs, () => close(pair)));
  });

  function close(pair: Pair): void {
    pair.client.destroySoon(); // once what has been written is out
    pair.upstream.destroy();
    pairs.delete(pair);
  }

  function reset(): void {
    for (const { client, upstream } of pairs) {
      client.resetAndDestroy();
      upstream.destroy();
    }
    pairs.clear();
  }

  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const url = new URL(target);
  url.hostname = '127.0.0.1';
  url.port = String((listener.address() as AddressInfo).port);

  return {
    url: url.href,
    cut() {
      down = true;
      reset();
    },
    restore() {
      down = false;
    },
    stall() {
      if (held) return;
      let release = () => {};
      const until = new Promise<void>((resolve) => {
        release = resolve;
      });
      held = { until, release };
    },
    delay(ms) {
      delayMs = ms;
    },
    resume() {
      delayMs = 0;
      held?.release();
      held = undefined;
    },
    async stop() {
      reset();
      if (!listener.listening) return;
      listener.close();
      await once(listener, 'close');
    },
  };
}
