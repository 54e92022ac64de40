// A busy hour of the warehouse and the tills: an endless, reproducible sequence of changes per shopper.
import { readFilms } from '../../prisma/films.mjs';
import { CUSTOMERS } from '../../prisma/seed.mjs';
import { oneOf, randomOf, weighted } from './random.mjs';

/** How often each step is taken, in per cent. */
const MIX = { deliver: 30, changeCart: 55, buy: 15 };

/** Products of a delivery, and of how many products there are deliveries: the counters of these are hot. */
const DELIVERY = 20;
const DELIVERED = 100;

/** A cart with that many products is bought rather than filled further. */
const FULL_CART = 10;

const films = readFilms().sort((a, b) => b.votes - a.votes);
const pickFilm = weighted(films, (film) => film.votes);
const pickDelivered = weighted(films.slice(0, DELIVERED), (film) => film.votes);
const pickStep = weighted(Object.entries(MIX), ([, share]) => share);

const upTo = (random, most) => 1 + Math.floor(random() * most);

/** @param {import('./random.mjs').Random} random @returns {import('./traffic.mjs').ShopRequest} */
function delivery(random) {
  const products = new Set();
  while (products.size < DELIVERY) products.add(pickDelivered(random).id);
  const lines = [...products].map((productId) => ({ productId, quantity: upTo(random, 10) }));
  return { kind: 'stock', method: 'POST', path: '/stock/deliveries', body: { lines } };
}

/** One who only changes things, for a group of customers of their own: of each of them one request at a time. */
export class Buyer {
  /** @type {Map<number, Set<number>>} customer -> products they put into the cart; there may be others from before */
  carts = new Map();

  /**
   * @param {number} index which of them this is, from 0
   * @param {number} count how many there are
   */
  constructor(index, count) {
    this.random = randomOf(`buyer ${index} of ${count}`);
    for (let id = index + 1; id <= CUSTOMERS; id += count) this.carts.set(id, new Set());
    this.ids = [...this.carts.keys()];
  }

  /** @returns {import('./traffic.mjs').ShopRequest} */
  next() {
    const [step] = pickStep(this.random);
    const customer = oneOf(this.random, this.ids);
    const cart = this.carts.get(customer);
    if (step === 'deliver') return delivery(this.random);
    if ((step === 'buy' && cart.size > 0) || cart.size >= FULL_CART) {
      cart.clear();
      return { kind: 'orders', method: 'POST', path: '/orders', customer };
    }
    if (cart.size > 0 && this.random() < 0.2) {
      const id = oneOf(this.random, [...cart]);
      cart.delete(id);
      return { kind: 'cart', method: 'DELETE', path: `/cart/lines/${id}`, customer };
    }
    const { id } = pickFilm(this.random);
    cart.add(id);
    return {
      kind: 'cart',
      method: 'PUT',
      path: `/cart/lines/${id}`,
      body: { quantity: upTo(this.random, 9) },
      customer,
    };
  }
}
