// The catalogue: the 3,201 films of the `vega-datasets` package, as rows of the table `products`.
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

// The package exports only its module, which would fetch the file over the network: read it from the package's folder.
const dataFile = () => join(dirname(fileURLToPath(import.meta.resolve('vega-datasets'))), '..', 'data', 'movies.json');

/** The newest films of the file are from 2011: a later year is one that lost its century ("Wings", 1927 -> 2027). */
const NEWEST_YEAR = 2011;

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** "Jun 12 1998" -> "1998-06-12" */
function releaseDateOf(text) {
  const match = /^([A-Z][a-z]{2}) (\d{2}) (\d{4})$/.exec(text);
  const month = MONTHS.indexOf(match?.[1] ?? '') + 1;
  if (match === null || month === 0) throw new Error(`movies.json: "${text}" is not a release date like "Jun 12 1998"`);
  const year = Number(match[3]) > NEWEST_YEAR ? Number(match[3]) - 100 : Number(match[3]);
  return `${year}-${String(month).padStart(2, '0')}-${match[2]}`;
}

/** The file has no prices. Newer and better films cost more; the same film always costs the same. */
function priceOf(releaseDate, rating) {
  const year = Number(releaseDate.slice(0, 4));
  const base = year >= 2009 ? 14 : year >= 2000 ? 9 : 6;
  return (base + Math.round((rating ?? 5) / 2) + 0.99).toFixed(2);
}

/**
 * All films in the order of the file; the id is the place in it, beginning with 1. Votes are the real IMDB votes,
 * 0 for the 213 films that have none.
 */
export function readFilms() {
  return JSON.parse(readFileSync(dataFile(), 'utf8')).map((film, index) => {
    const releaseDate = releaseDateOf(film['Release Date']);
    const rating = film['IMDB Rating'];
    return {
      id: index + 1,
      title: String(film.Title ?? 'Untitled'), // "1776", "2012" and others are numbers in the file, one is null
      genre: film['Major Genre'] ?? 'Other',
      director: film.Director,
      rating,
      votes: film['IMDB Votes'] ?? 0,
      price: priceOf(releaseDate, rating),
      releaseDate,
    };
  });
}
