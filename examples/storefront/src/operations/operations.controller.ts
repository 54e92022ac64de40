import { Controller, Get, Inject, Optional, Query, ServiceUnavailableException } from '@nestjs/common';
import { CacheService } from 'nestjs-strata';
import { PrismaService } from '../database/prisma.service.js';
import { QueryLog } from '../database/query-log.js';
import { reportOf, WRITTEN_BEHIND } from './written-behind.js';

@Controller()
export class OperationsController {
  constructor(
    private readonly prisma: PrismaService,
    private readonly queries: QueryLog,
    @Inject(WRITTEN_BEHIND) private readonly tables: Parameters<typeof reportOf>[0],
    @Optional() private readonly cache?: CacheService,
  ) {}

  /** The shop is well while its database answers: it works without Redis too, only slower. */
  @Get('health')
  async health() {
    try {
      await this.prisma.$executeRaw`/* health */ SELECT 1`; // begins with a comment: not counted as a read of data
    } catch {
      throw new ServiceUnavailableException({ status: 'down', database: 'does not answer' });
    }
    return { status: 'up', cache: this.cache === undefined ? 'off' : 'on' };
  }

  /** The process answers, whatever becomes of the database. */
  @Get('alive')
  alive() {
    return { alive: true };
  }

  /** Where values that are kept came from, and how long they live: `?keys=product:~7,search:matrix`. */
  @Get('stats/entries')
  async entries(@Query('keys') list = '') {
    const keys = list.split(',').filter(Boolean).slice(0, 1_000);
    const entries = await Promise.all(keys.map((key) => this.cache?.getEntry(key)));
    return entries.flatMap((entry, index) => {
      if (!entry) return [];
      const { source, tier, createdAt, expiresAt } = entry;
      return [{ key: keys[index], source, tier, createdAt, expiresAt }];
    });
  }

  @Get('stats')
  async stats() {
    return {
      database: this.queries.report(),
      cache: this.cache?.stats() ?? null,
      writeBehind: await reportOf(this.tables),
    };
  }
}
