// Sends the shoppers' requests over HTTP and measures the answers.
import { Agent, request as httpRequest } from 'node:http';
import { createHistogram } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { CUSTOMERS, credentialsOf } from '../../prisma/seed.mjs';

/** @typedef {import('./traffic.mjs').ShopRequest} ShopRequest */
/** @typedef {import('./traffic.mjs').Shopper} Shopper */

/** No answer after this time is a failed request: nothing may hang. */
const DEADLINE = 15_000;

/** Failures beyond this many are only counted. */
const REMEMBERED_FAILURES = 5;

/** One connection per shopper to one process of the shop, which may be replaced while nothing is under way. */
export class Driver {
  /** @type {Map<number, string>} customer -> token */
  tokens = new Map();
  agent;

  /**
   * @param {number} concurrency
   * @param {(request: ShopRequest, text: string) => void} acknowledged is told of each change that the shop has taken
   */
  constructor(concurrency, acknowledged) {
    this.agent = new Agent({ keepAlive: true, maxSockets: concurrency + 1 }); // one to look at /stats
    this.concurrency = concurrency;
    this.acknowledged = acknowledged;
  }

  /** @param {string} origin where the shop listens now, such as http://127.0.0.1:3000 */
  connect(origin) {
    this.close(); // connections of the process before
    const { hostname, port } = new URL(origin);
    this.target = { hostname, port };
  }

  close() {
    this.agent.destroy();
  }

  /**
   * @param {ShopRequest} request
   * @returns {Promise<{ status: number, place: string | undefined, text: string }>}
   */
  send(request) {
    const { method, path, body, customer } = request;
    const headers = {};
    if (customer !== undefined) headers.authorization = `Bearer ${this.tokens.get(customer)}`;
    const payload = body === undefined ? undefined : JSON.stringify(body);
    if (payload !== undefined) {
      headers['content-type'] = 'application/json';
      headers['content-length'] = Buffer.byteLength(payload);
    }
    return new Promise((resolve, reject) => {
      const outgoing = httpRequest({ ...this.target, agent: this.agent, method, path, headers }, (answer) => {
        const chunks = [];
        answer.on('data', (chunk) => chunks.push(chunk));
        answer.on('error', reject);
        answer.on('end', () => {
          const text = Buffer.concat(chunks).toString();
          const status = answer.statusCode ?? 0;
          if (method !== 'GET' && status < 300) this.acknowledged(request, text);
          resolve({ status, place: answer.headers['x-cache']?.toString(), text });
        });
      });
      outgoing.setTimeout(DEADLINE, () => outgoing.destroy(new Error(`no answer within ${DEADLINE / 1_000} s`)));
      outgoing.on('error', reject);
      outgoing.end(payload);
    });
  }

  /** @returns {Promise<any>} the answer's JSON; throws for anything but success */
  async json(request) {
    const { status, text } = await this.send(request);
    if (status >= 300) throw new Error(`${request.method} ${request.path} answered ${status}: ${text.slice(0, 200)}`);
    return text === '' ? undefined : JSON.parse(text);
  }

  /** All customers get a session. */
  async signIn() {
    await inParallel(
      this.concurrency,
      Array.from({ length: CUSTOMERS }, (_, index) => index + 1),
      async (id) => {
        const { token } = await this.json({ method: 'POST', path: '/sessions', body: credentialsOf(id) });
        this.tokens.set(id, token);
      },
    );
  }
}

/** Works on all items, a few at a time. */
export async function inParallel(width, items, work) {
  const rest = items[Symbol.iterator]();
  const worker = async () => {
    for (const item of rest) await work(item);
  };
  await Promise.all(Array.from({ length: width }, worker));
}

/** What a run has shown so far. */
export class Report {
  requests = 0;
  failed = 0;
  /** @type {string[]} */
  failures = [];
  /** Time in which requests were sent, in milliseconds. */
  time = 0;
  /** @type {number[]} requests by shopper */
  counts = [];
  /** Response times in microseconds: of all requests, and of reads by the place that answered. */
  responses = {
    all: createHistogram(),
    memory: createHistogram(),
    redis: createHistogram(),
    database: createHistogram(),
  };
  /** @type {Map<string, ShopRequest>} one request for each thing that was read or changed */
  touched = new Map();

  add(shopper, request, took, place, failure) {
    this.requests++;
    this.counts[shopper] = (this.counts[shopper] ?? 0) + 1;
    const microseconds = Math.max(1, Math.round(took * 1_000));
    this.responses.all.record(microseconds);
    if (place !== undefined) this.responses[place]?.record(microseconds);
    if (failure === undefined) return;
    this.failed++;
    if (this.failures.length < REMEMBERED_FAILURES) this.failures.push(`${request.method} ${request.path}: ${failure}`);
  }
}

/**
 * Lets all shoppers send one request after the other until `done(shopper)` says that this one has sent enough. Returns
 * when every answer is there, so nothing is under way afterwards.
 * @param {Driver} driver
 * @param {Shopper[]} shoppers
 * @param {Report} report
 * @param {(shopper: number, sent: number) => boolean} done
 * @param {number} [pause] how long a shopper looks at each answer, in milliseconds
 */
export async function run(driver, shoppers, report, done, pause = 0) {
  const begin = performance.now();
  const shop = async (shopper, index) => {
    while (!done(index, report.counts[index] ?? 0)) {
      const request = shopper.next();
      report.touched.set(`${request.kind} ${request.customer ?? ''} ${request.path}`, request);
      const sent = performance.now();
      try {
        const { status, place, text } = await driver.send(request);
        const failure = status >= 300 ? `${status} ${text.slice(0, 200)}` : undefined;
        report.add(index, request, performance.now() - sent, place, failure);
        if (failure === undefined) request.then?.(JSON.parse(text));
      } catch (error) {
        report.add(index, request, performance.now() - sent, undefined, error.message);
      }
      if (pause > 0) await sleep(pause);
    }
  };
  await Promise.all(shoppers.map(shop));
  report.time += performance.now() - begin;
}
