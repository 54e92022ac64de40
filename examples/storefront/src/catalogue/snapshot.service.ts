import { readFile, stat } from 'node:fs/promises';
import { Inject, Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { Prisma, type Product } from '../generated/prisma/client.js';
import { SETTINGS, type Settings } from '../settings.js';

const PAGE_SIZE = 20;
const MOST_RESULTS = 20;

interface Film extends Pick<Product, 'id' | 'title' | 'genre' | 'director' | 'votes'> {
  rating: number | null;
  price: string;
  releaseDate: string;
}

/** The catalogue as it once was, in a file: prices may be old, but there is something to show. */
@Injectable()
export class SnapshotCatalogue implements OnModuleInit {
  private films: { mtimeMs: number; read: Promise<Map<number, Product>> } | undefined;

  constructor(@Inject(SETTINGS) private readonly settings: Settings) {}

  /** Now there is time for it; the first request of an outage has none. */
  async onModuleInit(): Promise<void> {
    await this.all().catch(() => new Logger(SnapshotCatalogue.name).warn('There is no snapshot of the catalogue'));
  }

  async find(id: number): Promise<Product | null> {
    return (await this.all()).get(id) ?? null;
  }

  async findMany(ids: readonly number[]): Promise<Map<number, Product>> {
    const films = await this.all();
    return new Map(ids.flatMap((id) => (films.has(id) ? [[id, films.get(id) as Product]] : [])));
  }

  async list(genre: string, page: number): Promise<Product[]> {
    const films = await this.mostWanted((film) => film.genre === genre);
    return films.slice((page - 1) * PAGE_SIZE, page * PAGE_SIZE);
  }

  async search(text: string): Promise<Product[]> {
    const has = (field: string | null): boolean => field?.toLowerCase().includes(text) ?? false;
    return (await this.mostWanted(({ title, director }) => has(title) || has(director))).slice(0, MOST_RESULTS);
  }

  private async mostWanted(wanted: (film: Product) => boolean): Promise<Product[]> {
    const films = [...(await this.all()).values()].filter(wanted);
    return films.sort((a, b) => b.votes - a.votes || a.id - b.id);
  }

  /** A newer file is read; one that is gone is no source. */
  private async all(): Promise<Map<number, Product>> {
    const { mtimeMs } = await stat(this.settings.snapshot);
    if (this.films?.mtimeMs !== mtimeMs) this.films = { mtimeMs, read: this.read() };
    return this.films.read;
  }

  private async read(): Promise<Map<number, Product>> {
    const films = JSON.parse(await readFile(this.settings.snapshot, 'utf8')) as Film[];
    const updatedAt = new Date(0);
    return new Map(
      films.map((film) => [
        film.id,
        {
          ...film,
          rating: film.rating === null ? null : new Prisma.Decimal(film.rating),
          price: new Prisma.Decimal(film.price),
          releaseDate: new Date(film.releaseDate),
          updatedAt,
        },
      ]),
    );
  }
}
