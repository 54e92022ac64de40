import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { PrismaPg } from '@prisma/adapter-pg';
import { PrismaClient } from '../generated/prisma/client.js';
import { SETTINGS, type Settings } from '../settings.js';
import { Catalogue } from './catalogue.js';

/** The catalogue in a read replica, over connections of its own. */
@Injectable()
export class ReplicaCatalogue extends Catalogue implements OnApplicationShutdown {
  private readonly client: PrismaClient;

  constructor(@Inject(SETTINGS) settings: Settings) {
    const adapter = new PrismaPg({ connectionString: settings.replicaUrl, max: 10 });
    const client = new PrismaClient({ adapter });
    super(client);
    this.client = client;
  }

  async onApplicationShutdown(): Promise<void> {
    await this.client.$disconnect();
  }
}
