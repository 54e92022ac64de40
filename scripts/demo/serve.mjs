// npm run demo -- --serve: the shop stays up to be tried by hand.
import { createServer } from 'node:net';
import { credentialsOf, loadCatalogue } from '../../prisma/seed.mjs';
import { environmentOf } from './environment.mjs';
import { startStorefront } from './storefront.mjs';

const USUAL_PORT = 3_000;

/** The usual port, or 0 (any free one) if somebody has it. */
function freePort() {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(0));
    server.listen(USUAL_PORT, '127.0.0.1', () => server.close(() => resolve(USUAL_PORT)));
  });
}

/** Commands to paste. The film is The Matrix. */
function examples(origin) {
  const json = "-H 'content-type: application/json'";
  return `
The shop listens on ${origin}. In another terminal:

  # 1. Twice: the header x-cache says "database" the first time, "memory" the second time
  curl -i ${origin}/products/2260
  curl -i '${origin}/products?genre=Action'
  curl -i '${origin}/search?q=matrix'

  # 2. A new price: the product is replaced in the cache, the lists of its genre and all searches are dropped
  curl -X PATCH ${origin}/products/2260 ${json} -d '{"price":"4.99"}'
  curl -i ${origin}/products/2260               # memory, with the new price
  curl -i '${origin}/search?q=matrix'           # database, with the new price

  # 3. A customer. Sessions and profiles are asked from Redis on every read; carts, orders and stock are written behind:
  #    Redis acknowledges a change, reads see it at once, Postgres gets it with the next batch
  TOKEN=$(curl -s ${origin}/sessions ${json} -d '${JSON.stringify(credentialsOf(7))}' | sed 's/.*"token":"\\([^"]*\\).*/\\1/')
  curl -X PUT ${origin}/cart/lines/2260 -H "authorization: Bearer $TOKEN" ${json} -d '{"quantity":2}'
  curl -i ${origin}/cart -H "authorization: Bearer $TOKEN"
  curl -X POST ${origin}/orders -H "authorization: Bearer $TOKEN"
  curl -i ${origin}/orders -H "authorization: Bearer $TOKEN"
  curl ${origin}/stock/2260
  curl -X POST ${origin}/stock/deliveries ${json} -d '{"lines":[{"productId":2260,"quantity":50}]}'

  # 4. Hits, misses, times, database queries, and how far Postgres is behind
  curl ${origin}/stats

Ctrl-C stops everything.
`;
}

/**
 * @param {object} options
 * @param {{ databaseUrl: string, redisUrl: string, namespace: string }} options.services
 * @param {(stop: () => Promise<void>) => void} options.onStart
 * @returns {Promise<never>}
 */
export async function serve({ services, onStart }) {
  await loadCatalogue(services.databaseUrl);
  const shop = await startStorefront({ ...environmentOf(services), STRATA_CACHE: 'on', PORT: `${await freePort()}` });
  onStart(shop.stop);
  console.log(examples(shop.origin));
  await shop.ended; // Ctrl-C ends the demo before that
  throw new Error('The storefront ended by itself');
}
