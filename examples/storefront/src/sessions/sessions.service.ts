import { randomBytes } from 'node:crypto';
import { Injectable, Optional, UnauthorizedException } from '@nestjs/common';
import { Cacheable, CacheEvict, CachePut, CacheService } from 'nestjs-strata';
import { PrismaService } from '../database/prisma.service.js';
import type { Session } from '../generated/prisma/client.js';
import { LoginAttempts } from './login-attempts.service.js';
import { matches } from './password.js';
import type { Credentials } from './session.dto.js';

const LIFE = 30 * 60_000;

const sessionKey = (token: string) => ['session', token];
const lastLoginKey = (customerId: number) => ['last-login', customerId];

@Injectable()
export class SessionsService {
  constructor(
    private readonly prisma: PrismaService,
    private readonly attempts: LoginAttempts,
    @Optional() private readonly cache?: CacheService,
  ) {}

  async login({ email, password }: Credentials): Promise<Session> {
    await this.attempts.count(email);
    const customer = await this.prisma.customer.findUnique({ where: { email } });
    if (customer === null || !(await matches(password, customer.passwordHash))) {
      throw new UnauthorizedException('Unknown email or wrong password');
    }
    await this.attempts.forgive(email);
    const session = await this.open(randomBytes(24).toString('base64url'), customer.id);
    // Lives only in the cache: nothing in the database stands behind it, so a plain set is right.
    await this.cache?.set(lastLoginKey(customer.id), session.createdAt, { ttl: '30d' });
    return session;
  }

  /** The session is in Redis before the customer has the token: the next request may reach another process. */
  @CachePut<SessionsService['open']>({ key: sessionKey, policy: 'session', write: 'through' })
  open(token: string, customerId: number): Promise<Session> {
    return this.prisma.session.create({ data: { token, customerId, expiresAt: new Date(Date.now() + LIFE) } });
  }

  /** The session of a token, or null if there is none or its time is over. */
  async current(token: string): Promise<Session | null> {
    const session = await this.find(token);
    return session !== null && session.expiresAt.getTime() > Date.now() ? session : null;
  }

  /** Tokens that do not exist are not remembered: whoever guesses tokens shall not fill the cache. */
  @Cacheable<SessionsService['find']>({ key: sessionKey, policy: 'session', cacheNull: false })
  find(token: string): Promise<Session | null> {
    return this.prisma.session.findUnique({ where: { token } });
  }

  /** When the customer signed in last, as far as the cache remembers. */
  async lastLogin(customerId: number): Promise<Date | null> {
    return (await this.cache?.get<Date>(lastLoginKey(customerId))) ?? null;
  }

  @CacheEvict<SessionsService['close']>({ key: sessionKey })
  async close(token: string): Promise<void> {
    await this.prisma.session.deleteMany({ where: { token } }); // not `delete`: signing out twice is no error
  }
}
