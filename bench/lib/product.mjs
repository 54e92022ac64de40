/**
 * The value of every row: a product as a shop would cache it, close to 1 KB as JSON (row files say when they use another).
 * ASCII only and no Date: peers that go through JSON must be able to give back an equal value.
 */
const SENTENCES =
  'A restored print of the original negative, scanned in 4K and graded by the director of photography. ' +
  'The disc adds two commentary tracks, a documentary on the making of the film and a booklet of 48 pages. ' +
  'Ships within two working days; returns are free for thirty days when the seal is unbroken. ' +
  'Reviewers praised the patient rhythm of the first act and the score, which was recorded in a single night. ' +
  'Subtitles: English, French, German, Italian, Japanese, Spanish. Region free, stereo and 5.1 surround. ';

/** Built once: making the text of a product must not be what a benchmark of a cache measures. */
const DESCRIPTIONS = Array.from({ length: 64 }, (_, i) => {
  const start = (i * 13) % SENTENCES.length;
  return (SENTENCES + SENTENCES).slice(start, start + 560);
});

/**
 * @typedef {ReturnType<typeof product>} Product
 * @param {number} id
 */
export function product(id) {
  return {
    id,
    sku: 'FILM-BD-2K26-EU',
    title: 'The Long Way Home (Collector Edition)',
    description: DESCRIPTIONS[id & 63],
    price: 2499 + (id % 100),
    rating: 4.37,
    votes: 18250 + id,
    stock: id % 37,
    available: true,
    tags: ['drama', 'classic', 'restored', 'blu-ray'],
    vendor: { id: 7, name: 'Aurora Pictures', country: 'FR', contact: { mail: 'orders@aurora.example', phone: null } },
    dimensions: { width: 135, height: 171, depth: 14, weight: 0.12 },
    createdAt: '2026-03-14T09:26:53.589Z',
    updatedAt: '2026-10-31T17:45:00.000Z',
  };
}

/** @param {number} index */
export const keyOf = (index) => `product:${index}`;

/** @param {string} key */
export const indexOf = (key) => Number(key.slice(key.lastIndexOf(':') + 1));
