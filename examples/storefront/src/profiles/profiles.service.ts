import { Injectable } from '@nestjs/common';
import { Cacheable, CacheConfig, CachePut } from 'nestjs-strata';
import { PrismaService } from '../database/prisma.service.js';
import type { Profile } from '../generated/prisma/client.js';
import type { ProfileChange } from './profile.dto.js';

const profileKey = (customerId: number) => ['profile', customerId];

@Injectable()
@CacheConfig({ policy: 'profile' })
export class ProfilesService {
  constructor(private readonly prisma: PrismaService) {}

  @Cacheable<ProfilesService['find']>({ key: profileKey })
  find(customerId: number): Promise<Profile | null> {
    return this.prisma.profile.findUnique({ where: { customerId } });
  }

  @CachePut<ProfilesService['save']>({ key: profileKey, write: 'through' })
  save(customerId: number, change: ProfileChange): Promise<Profile> {
    return this.prisma.profile.upsert({
      where: { customerId },
      create: { customerId, ...change },
      update: change,
    });
  }
}
