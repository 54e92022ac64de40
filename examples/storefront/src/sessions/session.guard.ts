import type { IncomingMessage } from 'node:http';
import {
  type CanActivate,
  createParamDecorator,
  type ExecutionContext,
  Injectable,
  UnauthorizedException,
} from '@nestjs/common';
import type { Session } from '../generated/prisma/client.js';
import { SessionsService } from './sessions.service.js';

type RequestWithSession = IncomingMessage & { session?: Session };

/** Lets in who sends `authorization: Bearer <token>` of a session that lives. */
@Injectable()
export class SessionGuard implements CanActivate {
  constructor(private readonly sessions: SessionsService) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const request = context.switchToHttp().getRequest<RequestWithSession>();
    const token = /^Bearer ([\w-]{1,64})$/.exec(request.headers.authorization ?? '')?.[1];
    const session = token === undefined ? null : await this.sessions.current(token);
    if (session === null) {
      throw new UnauthorizedException(
        'Sign in with POST /sessions and send its token: "authorization: Bearer <token>"',
      );
    }
    request.session = session;
    return true;
  }
}

/** The session that the guard found. */
export const CurrentSession = createParamDecorator((_: unknown, context: ExecutionContext): Session => {
  const { session } = context.switchToHttp().getRequest<RequestWithSession>();
  if (session === undefined) throw new Error('@CurrentSession() needs @UseGuards(SessionGuard) on its handler');
  return session;
});
