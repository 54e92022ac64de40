import { Global, Module } from '@nestjs/common';
import { PrismaService } from '../database/prisma.service.js';
import { Catalogue, REPLICA, SNAPSHOT } from './catalogue.js';
import { ReplicaCatalogue } from './replica.service.js';
import { SnapshotCatalogue } from './snapshot.service.js';

/** Where products come from: the primary, and what stands in for it. */
@Global()
@Module({
  providers: [
    { provide: Catalogue, inject: [PrismaService], useFactory: (prisma: PrismaService) => new Catalogue(prisma) },
    { provide: REPLICA, useClass: ReplicaCatalogue },
    { provide: SNAPSHOT, useClass: SnapshotCatalogue },
  ],
  exports: [Catalogue],
})
export class CatalogueModule {}
