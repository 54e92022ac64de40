import { Body, Controller, Get, NotFoundException, Put, UseGuards } from '@nestjs/common';
import { Parse } from '../common/parse.pipe.js';
import type { Profile, Session } from '../generated/prisma/client.js';
import { CurrentSession, SessionGuard } from '../sessions/session.guard.js';
import { type ProfileChange, parseProfileChange } from './profile.dto.js';
import { ProfilesService } from './profiles.service.js';

@Controller('profile')
@UseGuards(SessionGuard)
export class ProfilesController {
  constructor(private readonly profiles: ProfilesService) {}

  @Get()
  async find(@CurrentSession() { customerId }: Session): Promise<Profile> {
    const profile = await this.profiles.find(customerId);
    if (profile === null) throw new NotFoundException('You have no profile yet: write one with PUT /profile');
    return profile;
  }

  @Put()
  save(
    @CurrentSession() { customerId }: Session,
    @Body(new Parse(parseProfileChange)) change: ProfileChange,
  ): Promise<Profile> {
    return this.profiles.save(customerId, change);
  }
}
