// Customers of the shop who look at its catalogue, and one who asks for what costs nothing: how noisy the machine is.
import { Agent, request as httpRequest } from 'node:http';
import { readFilms } from '../../prisma/films.mjs';
import { oneOf } from '../../scripts/demo/random.mjs';
import { sleep } from '../lib/time.mjs';

/** @typedef {{ path: string, kind: 'warm' | 'cold' | 'control', step: number, took: number, failure?: string }} Answer */

const DEADLINE = 10_000;
const WORKERS = 8;
/** Pauses of a customer between an answer and the next request, and of the control. */
const PAUSE = 20;
const CONTROL_PAUSE = 10;
/** Of the requests: for a product, or a search, that nobody has asked for before. */
const COLD = 0.1;
const WARM_PRODUCTS = 40;
const GENRES = ['Drama', 'Comedy', 'Action', 'Horror', 'Musical', 'Western', 'Adventure', 'Documentary'];
const SEARCHES = ['matrix', 'king', 'star', 'love', 'war', 'night'];

export class Load {
  /** @type {Answer[]} */
  answers = [];
  /** The step that is going on; in odd ones something is wrong. */
  step = 0;
  /** Searches that nobody had asked for before. @type {Map<string, number>} search to the step it was made in */
  searches = new Map();
  cold = true;
  #stopped = false;
  #agent = new Agent({ keepAlive: true, maxSockets: WORKERS + 4 });
  #films;
  #nextCold = WARM_PRODUCTS;

  /** @param {string} origin @param {() => number} random */
  constructor(origin, random) {
    this.origin = new URL(origin);
    this.random = random;
    this.#films = readFilms();
  }

  /** Every warm page once: from then on there is a value to fall back on. */
  async warmUp() {
    for (const path of this.#warm()) {
      // The first queries of a process take longer than it gives them.
      for (let attempt = 1; ; attempt++) {
        const { failure } = await this.#send(path, 'warm');
        if (!failure) break;
        if (attempt === 20) throw new Error(`Before any fault: GET ${path}: ${failure}`);
        await sleep(100);
      }
    }
  }

  start() {
    this.running = Promise.all([...Array.from({ length: WORKERS }, () => this.#customer()), this.#control()]);
  }

  async stop() {
    this.#stopped = true;
    await this.running;
    this.#agent.destroy();
  }

  /** @returns {Promise<any>} */
  async json(path) {
    const { status, text } = await this.#get(path);
    if (status !== 200) throw new Error(`GET ${path}: ${status} ${text}`);
    return JSON.parse(text);
  }

  async #customer() {
    const warm = this.#warm();
    while (!this.#stopped) {
      if (this.cold && this.random() < COLD) await this.#record(this.#coldPath(), 'cold');
      else await this.#record(oneOf(this.random, warm), 'warm');
      await sleep(PAUSE * (0.5 + this.random()));
    }
  }

  async #control() {
    while (!this.#stopped) {
      await this.#record('/alive', 'control');
      await sleep(CONTROL_PAUSE);
    }
  }

  async #record(path, kind) {
    const { step } = this;
    const answer = await this.#send(path, kind);
    this.answers.push({ ...answer, step });
  }

  /** @returns {Promise<Omit<Answer, 'step'>>} */
  async #send(path, kind) {
    const begin = performance.now();
    try {
      const { status, text } = await this.#get(path);
      const took = performance.now() - begin;
      return { path, kind, took, ...(status !== 200 && { failure: `${status} ${text.slice(0, 100)}` }) };
    } catch (error) {
      return { path, kind, took: performance.now() - begin, failure: error.message };
    }
  }

  #get(path) {
    const { hostname, port } = this.origin;
    return new Promise((resolve, reject) => {
      const outgoing = httpRequest({ hostname, port, path, agent: this.#agent }, (answer) => {
        let text = '';
        answer.setEncoding('utf8');
        answer.on('data', (chunk) => (text += chunk));
        answer.on('error', reject);
        answer.on('end', () => resolve({ status: answer.statusCode, text }));
      });
      outgoing.setTimeout(DEADLINE, () => outgoing.destroy(new Error(`no answer within ${DEADLINE / 1_000} s`)));
      outgoing.on('error', reject);
      outgoing.end();
    });
  }

  #warm() {
    return [
      ...Array.from({ length: WARM_PRODUCTS }, (_, index) => `/products/${index + 1}`),
      ...GENRES.map((genre) => `/products?genre=${genre}`),
      ...SEARCHES.map((text) => `/search?q=${text}`),
    ];
  }

  #coldPath() {
    const film = this.#films[this.#nextCold++ % this.#films.length];
    // Half of them by their title: searches live for ten minutes, unless a backup answered.
    const text = film.title
      .toLowerCase()
      .replace(/[^a-z ]/g, '')
      .replace(/\s+/g, ' ')
      .trim()
      .slice(0, 30);
    if (film.id % 2 === 0 || text.length < 4 || this.searches.has(text)) return `/products/${film.id}`;
    this.searches.set(text, this.step);
    return `/search?q=${encodeURIComponent(text)}`;
  }
}
