import { Global, Module } from '@nestjs/common';
import { PrismaService } from './prisma.service.js';
import { QueryLog } from './query-log.js';

@Global()
@Module({ providers: [PrismaService, QueryLog], exports: [PrismaService, QueryLog] })
export class DatabaseModule {}
