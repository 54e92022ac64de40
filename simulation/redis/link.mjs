import { ErrorReply } from './reply.mjs';

/** @typedef {import('./server.mjs').Server} Server @typedef {'out' | 'in' | 'both'} Direction `out`: from client to server */

/** What was on its way to the server when the connection broke is executed all the same in so many cases. */
const ZOMBIES = 0.5;

/**
 * One TCP connection: first in, first out in each direction, with delays of its own. It may be slow, stand still for a while,
 * fall silent in one direction or both without anybody noticing (half-open), or be reset.
 */
export class Link {
  /** What is sent from now on arrives. */
  #out = true;
  #in = true;
  /** When the last thing of each direction arrives. */
  #lastOut = 0;
  #lastIn = 0;
  #slowUntil = 0;
  #stillUntil = { out: 0, in: 0 };
  /** The client has given it up. */
  #closed = false;

  /**
   * @param {import('../lib/world.mjs').World} world
   * @param {Server} server
   * @param {string} owner name of the process
   * @param {{ run(work: () => void): void, lost(): void, message(channel: string, message: string): void, invalidated(names: string[] | null): void }} client
   */
  constructor(world, server, owner, client) {
    Object.assign(this, { world, server, owner, client });
    this.incarnation = server.incarnation;
    server.accept(this);
  }

  /** @param {string[]} args @param {(reply: import('./reply.mjs').Reply) => void} answered */
  send(args, answered) {
    const sentWell = this.#out;
    if (!sentWell) return;
    this.#lastOut = this.#arrival('out', this.#lastOut);
    this.world.at(this.#lastOut, () => {
      const { server } = this;
      if (!server.up || server.incarnation !== this.incarnation) return;
      // It was on its way when the connection broke.
      if (!this.#out && this.world.random() >= ZOMBIES) return;
      const reply = server.execute(this, args);
      if (this.world.log) this.#tell(args, reply);
      this.#toClient(() => answered(reply));
    });
  }

  /** A message for the subscriber. @param {string} channel @param {string} message */
  publish(channel, message) {
    this.#toClient(() => this.client.message(channel, message));
  }

  /** Names that are tracked and were changed; all of them if `null`. @param {string[] | null} names */
  invalidate(names) {
    this.#toClient(() => this.client.invalidated(names));
  }

  /** @param {() => void} deliver */
  #toClient(deliver) {
    if (!this.#in || this.#closed) return;
    this.#lastIn = this.#arrival('in', this.#lastIn);
    this.world.at(this.#lastIn, () => {
      if (!this.#in || this.#closed) return;
      this.client.run(() => {
        if (!this.#closed) deliver();
      });
    });
  }

  /** Broken, with word of it to the client soon, unless nothing comes through to it any more. */
  reset() {
    if (this.#closed) return;
    if (!this.#in) {
      this.#out = false;
      this.server.drop(this);
      return;
    }
    this.#out = false;
    this.#in = false;
    this.server.drop(this);
    this.world.after(this.world.random() * 12, () => this.client.run(() => this.#closed || this.client.lost()));
  }

  /** The system of the client has waited long enough. */
  expire() {
    this.#out = false;
    this.#in = false;
    this.client.run(() => this.#closed || this.client.lost());
  }

  /** Silent from now on, with word of it to nobody. @param {Direction} direction */
  silence(direction) {
    if (direction !== 'in') this.#out = false;
    if (direction !== 'out') this.#in = false;
  }

  /** @param {Direction} direction @param {number} time what is sent until then arrives not before */
  standStill(direction, time) {
    if (direction !== 'in') this.#stillUntil.out = time;
    if (direction !== 'out') this.#stillUntil.in = time;
  }

  /** @param {number} until */
  slow(until) {
    this.#slowUntil = until;
  }

  /**
   * The client sends no more: what it sent arrives first, then the server closes. Without an answer the client waits no longer
   * than `patience`.
   * @param {number} patience
   */
  end(patience) {
    const closed = () => this.client.run(() => this.#closed || this.client.lost());
    if (this.#out) {
      this.#lastOut = this.#arrival('out', this.#lastOut);
      this.world.at(this.#lastOut, () => {
        if (!this.#out) return;
        this.server.drop(this);
        if (this.#in) this.world.at(this.#arrival('in', this.#lastIn), () => this.#in && closed());
      });
    }
    this.world.after(patience, closed);
  }

  /** The client has forgotten it. */
  close() {
    this.#closed = true;
    // A server that hears of it forgets it too; one that does not goes on sending, to nobody.
    if (this.#out) this.server.drop(this);
    this.#out = false;
    this.#in = false;
  }

  /** @param {'out' | 'in'} direction @param {number} last */
  #arrival(direction, last) {
    const { random, now, calm } = this.world;
    let delay = 0.2 + random() * 2;
    if (!calm && random() < 0.06) delay += random() * 30;
    if (now < this.#slowUntil) delay += random() * 90;
    return Math.max(last, now + delay, this.#stillUntil[direction]);
  }

  #tell([name, ...args], reply) {
    const script = name.startsWith('EVAL')
      ? `#${args[0].length > 40 ? args[0].trim().length : args[0].slice(0, 6)}`
      : '';
    const shown = (script ? args.slice(2) : args).map((arg) =>
      arg.length > 44 ? `${arg.slice(0, 16)}..${arg.slice(-24)}` : arg,
    );
    const answer = reply instanceof ErrorReply ? reply.message : JSON.stringify(reply);
    const zombie = this.#closed ? ' (connection gone)' : '';
    this.world.say(
      `        redis <- ${this.owner}${zombie} ${name}${script} ${shown.join(' ')} -> ${answer?.length > 60 ? `${answer.slice(0, 60)}..` : answer}`,
    );
  }
}
