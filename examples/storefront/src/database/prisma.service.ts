import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { PrismaPg } from '@prisma/adapter-pg';
import { PrismaClient } from '../generated/prisma/client.js';
import { SETTINGS, type Settings } from '../settings.js';
import { QueryLog } from './query-log.js';

@Injectable()
export class PrismaService extends PrismaClient implements OnApplicationShutdown {
  constructor(@Inject(SETTINGS) settings: Settings, log: QueryLog) {
    super({
      adapter: new PrismaPg({ connectionString: settings.databaseUrl, max: 10 }),
      log: [{ emit: 'event', level: 'query' }],
    });
    // The parameters of `log` do not reach this class's type, so $on must be told what it may listen to.
    (this as PrismaClient<'query'>).$on('query', (event) => log.record(event.query, event.duration));
  }

  /** As late as possible: whatever the app still does while it stops may need the database. */
  async onApplicationShutdown(): Promise<void> {
    await this.$disconnect();
  }
}
