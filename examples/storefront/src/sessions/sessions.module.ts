import { Module } from '@nestjs/common';
import { LoginAttempts } from './login-attempts.service.js';
import { SessionGuard } from './session.guard.js';
import { SessionsController } from './sessions.controller.js';
import { SessionsService } from './sessions.service.js';

@Module({
  controllers: [SessionsController],
  providers: [SessionsService, LoginAttempts, SessionGuard],
  exports: [SessionsService, SessionGuard],
})
export class SessionsModule {}
