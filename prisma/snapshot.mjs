// Writes the catalogue as a file, for the shop to show when no database answers: node prisma/snapshot.mjs <file>
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { readFilms } from './films.mjs';

const file = resolve(process.argv[2] ?? 'examples/storefront/dist/catalogue.json');
mkdirSync(dirname(file), { recursive: true });
writeFileSync(file, JSON.stringify(readFilms()));
