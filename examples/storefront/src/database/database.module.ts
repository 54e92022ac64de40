import { type FactoryProvider, Global, Module } from '@nestjs/common';
import { getWriteBehindToken, type WriteBehind } from 'nestjs-strata/write-behind';
import { PrismaService } from './prisma.service.js';
import { PrismaRows } from './prisma-rows.js';
import { QueryLog } from './query-log.js';
import { MODELS, rowsToken } from './rows.js';

/** Written behind if the app has that, else straight into Postgres. */
const rows = MODELS.map(
  (model): FactoryProvider => ({
    provide: rowsToken(model),
    inject: [PrismaService, { token: getWriteBehindToken(model), optional: true }],
    useFactory: (prisma: PrismaService, writeBehind?: WriteBehind<object, unknown>) =>
      writeBehind ?? new PrismaRows(prisma, model),
  }),
);

@Global()
@Module({
  providers: [PrismaService, QueryLog, ...rows],
  exports: [PrismaService, QueryLog, ...rows.map(({ provide }) => provide)],
})
export class DatabaseModule {}
