import { HttpException, HttpStatus, Injectable, Logger, Optional } from '@nestjs/common';
import { CacheService, CacheUnavailableError } from 'nestjs-strata';

const MOST_ATTEMPTS = 5;
const WINDOW = { ttl: '15m' } as const;

const attemptsKey = (email: string) => ['login', email];

/** Slows down who guesses passwords. Attempts are counted in Redis, so all processes of the shop count together. */
@Injectable()
export class LoginAttempts {
  private readonly logger = new Logger(LoginAttempts.name);

  /** Optional, because the shop also runs with the cache switched off (then nobody counts). */
  constructor(@Optional() private readonly cache?: CacheService) {}

  /** Counts an attempt, before the password is looked at: many guesses at the same time do not slip through. */
  async count(email: string): Promise<void> {
    const attempts = await this.cache?.increment(attemptsKey(email), 1, WINDOW).catch((error: unknown) => {
      // A choice of this shop: while Redis is away customers can sign in, and guesses are not counted.
      if (!(error instanceof CacheUnavailableError)) throw error;
      this.logger.warn('Redis is not reachable: attempts to sign in are not limited');
      return 0;
    });
    if (attempts !== undefined && attempts > MOST_ATTEMPTS) {
      throw new HttpException('Too many attempts to sign in: try again in 15 minutes', HttpStatus.TOO_MANY_REQUESTS);
    }
  }

  /** The right password was given: the attempts before it are forgiven. */
  async forgive(email: string): Promise<void> {
    await this.cache?.evict(attemptsKey(email));
  }
}
