import { Controller, Get, Inject, Optional, ServiceUnavailableException } from '@nestjs/common';
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

  @Get('stats')
  async stats() {
    return {
      database: this.queries.report(),
      cache: this.cache?.stats() ?? null,
      writeBehind: await reportOf(this.tables),
    };
  }
}
