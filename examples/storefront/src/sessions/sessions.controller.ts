import { Body, Controller, Delete, Get, HttpCode, Post, UseGuards } from '@nestjs/common';
import { Parse } from '../common/parse.pipe.js';
import type { Session } from '../generated/prisma/client.js';
import { type Credentials, parseCredentials } from './session.dto.js';
import { CurrentSession, SessionGuard } from './session.guard.js';
import { SessionsService } from './sessions.service.js';

@Controller('sessions')
export class SessionsController {
  constructor(private readonly sessions: SessionsService) {}

  @Post()
  async login(@Body(new Parse(parseCredentials)) credentials: Credentials) {
    const { token, customerId, expiresAt } = await this.sessions.login(credentials);
    return { token, customerId, expiresAt };
  }

  @Get('current')
  @UseGuards(SessionGuard)
  async current(@CurrentSession() { customerId, expiresAt }: Session) {
    return { customerId, expiresAt, lastLogin: await this.sessions.lastLogin(customerId) };
  }

  @Delete('current')
  @HttpCode(204)
  @UseGuards(SessionGuard)
  logout(@CurrentSession() { token }: Session): Promise<void> {
    return this.sessions.close(token);
  }
}
