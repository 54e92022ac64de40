// What the customers of the demo do: an endless, reproducible sequence of requests per shopper.
import { readFilms } from '../../prisma/films.mjs';
import { CUSTOMERS } from '../../prisma/seed.mjs';
import { oneOf, randomOf, weighted } from './random.mjs';

/**
 * @typedef {object} ShopRequest
 * @property {string} kind what is asked for or changed; the checks compare it with the database at the end
 * @property {'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'} method
 * @property {string} path
 * @property {unknown} [body]
 * @property {number} [customer] whose session the request needs
 * @property {(answer: any) => void} [then] takes the answer
 */

/** How often each step is taken, in per cent. Three of a hundred requests write. */
const MIX = {
  product: 59.96,
  search: 15,
  genre: 8,
  cart: 5,
  session: 4,
  profile: 2.5,
  orders: 2,
  order: 0.5,
  addLine: 2,
  removeLine: 0.3,
  buy: 0.3,
  editProfile: 0.4,
  changePrice: 0.04, // drops all searches and the lists of a genre: rare in a shop, but it does happen here
};

/** Films that people search for: few texts make up most of what is typed into a search field. */
const SEARCHED_FILMS = 100;

/** A cart with that many products is bought rather than filled further. */
const FULL_CART = 10;

const films = readFilms();
const votesByGenre = new Map();
for (const { genre, votes } of films) votesByGenre.set(genre, (votesByGenre.get(genre) ?? 0) + votes);

/** Films are wanted as often as they were voted on at IMDB, in each place where a film or genre is chosen. */
const pickFilm = weighted(films, (film) => film.votes);
const pickGenre = weighted([...votesByGenre], ([, votes]) => votes);
const searchedFilms = films.toSorted((a, b) => b.votes - a.votes).slice(0, SEARCHED_FILMS);
const pickSearched = weighted(searchedFilms, (film) => film.votes);
const pickStep = weighted(Object.entries(MIX), ([, share]) => share);

/** The longest of the words. */
const longest = (words) => words.reduce((found, word) => (word.length > found.length ? word : found), '').toLowerCase();

/** What somebody types who looks for this film: a word of its title, or the name of its director. */
const searchTextsOf = ({ title, director }) => [
  longest(title.split(/[^\p{L}\d]+/u)),
  ...(director === null ? [] : [longest(director.split(' ').slice(-1))]),
];

const GENRE_PAGES = 4;

const get = (kind, path, customer) => ({ kind, method: 'GET', path, customer });
const getProduct = (id) => get('product', `/products/${id}`);
const getSearch = (text) => get('search', `/search?q=${encodeURIComponent(text)}`);
const getGenre = (genre, page) => get('genre', `/products?genre=${encodeURIComponent(genre)}&page=${page}`);

/**
 * Every page that shoppers may ask for, once: what a shop has seen that has been open for some minutes. A run of seconds
 * would otherwise show mostly how a cache is filled.
 * @returns {ShopRequest[]}
 */
export function everyPage() {
  const texts = new Set(searchedFilms.flatMap(searchTextsOf));
  const customers = Array.from({ length: CUSTOMERS }, (_, index) => index + 1);
  return [
    ...films.map(({ id }) => getProduct(id)),
    ...[...texts].map(getSearch),
    ...[...votesByGenre.keys()].flatMap((genre) =>
      Array.from({ length: GENRE_PAGES }, (_, index) => getGenre(genre, index + 1)),
    ),
    ...customers.flatMap((id) => [
      get('session', '/sessions/current', id),
      get('cart', '/cart', id),
      get('profile', '/profile', id),
      get('orders', '/orders', id),
    ]),
  ];
}

const putLine = (random, customer, product) => ({
  kind: 'cart',
  method: 'PUT',
  path: `/cart/lines/${product}`,
  body: { quantity: 1 + Math.floor(random() * 3) },
  customer,
});

/**
 * One of the people who use the shop at the same time, with a group of customers of their own, so that requests of one
 * customer come one after the other, as from a browser. The sequence depends on nothing else: it can be sent
 * again with the cache switched off.
 */
export class Shopper {
  /** What they know of their customers: the cart's products, the orders they placed. */
  customers = new Map();
  /** Requests that belong to the last step. */
  queue = [];

  /**
   * @param {number} index which of the shoppers this is, from 0
   * @param {number} count how many there are
   */
  constructor(index, count) {
    this.random = randomOf(`shopper ${index} of ${count}`);
    for (let id = index + 1; id <= CUSTOMERS; id += count) this.customers.set(id, { cart: new Set(), orders: [] });
    this.ids = [...this.customers.keys()];
  }

  /** @returns {ShopRequest} */
  next() {
    const queued = this.queue.shift();
    if (queued) return queued;
    const [step] = pickStep(this.random);
    return steps[step](this.random, oneOf(this.random, this.ids), this);
  }
}

/** A function per line of the mix. */
const steps = {
  product: (random) => getProduct(pickFilm(random).id),
  search: (random) => {
    const [byTitle, byDirector = byTitle] = searchTextsOf(pickSearched(random));
    return getSearch(random() < 0.7 ? byTitle : byDirector);
  },
  genre: (random) => {
    const [genre] = pickGenre(random);
    return getGenre(genre, random() < 0.7 ? 1 : 1 + Math.ceil(random() * (GENRE_PAGES - 1)));
  },
  cart: (_, customer) => get('cart', '/cart', customer),
  session: (_, customer) => get('session', '/sessions/current', customer),
  profile: (_, customer) => get('profile', '/profile', customer),
  orders: (_, customer) => get('orders', '/orders', customer),
  order: (random, customer, shopper) => {
    const { orders } = shopper.customers.get(customer);
    return orders.length > 0
      ? get('order', `/orders/${oneOf(random, orders)}`, customer)
      : steps.orders(random, customer);
  },
  addLine: (random, customer, shopper) => {
    const { cart } = shopper.customers.get(customer);
    if (cart.size >= FULL_CART) return steps.buy(random, customer, shopper);
    const { id } = pickFilm(random);
    cart.add(id);
    return putLine(random, customer, id);
  },
  removeLine: (random, customer, shopper) => {
    const { cart } = shopper.customers.get(customer);
    if (cart.size === 0) return steps.cart(random, customer);
    const id = oneOf(random, [...cart]);
    cart.delete(id);
    return { kind: 'cart', method: 'DELETE', path: `/cart/lines/${id}`, customer };
  },
  buy: (random, customer, shopper) => {
    const { cart, orders } = shopper.customers.get(customer);
    const then = (order) => orders.push(order.id);
    const order = { kind: 'orders', method: 'POST', path: '/orders', customer, then };
    if (cart.size > 0) {
      cart.clear();
      return order;
    }
    shopper.queue.push(order); // nobody can buy an empty cart
    return putLine(random, customer, pickFilm(random).id);
  },
  editProfile: (random, customer) => {
    const displayName = `Film fan ${customer} no. ${Math.floor(random() * 1_000)}`;
    const body = { displayName, favouriteGenre: pickGenre(random)[0], newsletter: random() < 0.5 };
    return { kind: 'profile', method: 'PUT', path: '/profile', body, customer };
  },
  changePrice: (random) => {
    const body = { price: (5 + Math.floor(random() * 1_500) / 100).toFixed(2) };
    return { kind: 'product', method: 'PATCH', path: `/products/${pickFilm(random).id}`, body };
  },
};
