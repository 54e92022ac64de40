import { CacheUnavailableError } from '../../cache.errors.js';
import type { RedisConnection } from './connection.js';

/** Where Redis tells a connection of RESP2 of keys that were changed. */
export const INVALIDATIONS = '__redis__:invalidate';

/** Which connection, and of which server: numbers of connections are unique on one server only. */
export interface ClientIdentity {
  id: string;
  run: string | undefined;
}

type Send = (command: string, args: readonly string[]) => Promise<unknown>;

export async function identityOf(send: Send): Promise<ClientIdentity> {
  const [id, run] = await Promise.all([send('CLIENT', ['ID']), runOf(send)]);
  return { id: String(id), run };
}

/** Which start of which server it is. */
async function runOf(send: Send): Promise<string | undefined> {
  return /run_id:(\w+)/.exec(String(await send('INFO', ['server'])))?.[1];
}

/**
 * Server-assisted tracking (CLIENT TRACKING, Redis 6): the server remembers which names the command connection has read, and
 * tells the subscriber connection when one of them changes, whoever changes it and for whatever reason. Told of once; then
 * the name has to be read again. What the command connection changes itself is not told (NOLOOP).
 *
 * It is over when either connection is a new one, and nobody tells: so it is begun anew before anything is read into
 * memory, and looked after together with every echo.
 */
export class Tracking {
  /** Whether everything that is read from now on is tracked. */
  armed = false;
  private round = 0;

  constructor(
    private readonly connection: Pick<RedisConnection, 'send'>,
    private readonly subscriber: { readonly identity: ClientIdentity | undefined },
  ) {}

  /**
   * Begins. What is sent after the call is tracked once this has resolved to true; false: it was called again, or ended,
   * meanwhile. Rejects if it cannot be.
   */
  async arm(): Promise<boolean> {
    this.disarm();
    const { round } = this;
    const target = this.subscriber.identity;
    if (!target) throw new Error('The connection that hears does not know its own number (CLIENT ID).');
    const send: Send = (command, args) => this.connection.send(command, args);
    const [, run] = await Promise.all([
      send('CLIENT', ['TRACKING', 'ON', 'REDIRECT', target.id, 'NOLOOP']),
      runOf(send),
    ]);
    if (round !== this.round) return false;
    if (run !== target.run) throw new Error('The two connections lead to different servers.');
    this.armed = true;
    return true;
  }

  disarm(): void {
    this.round++;
    this.armed = false;
  }

  /** Whether it is as it was begun; `undefined` if Redis does not say. */
  async intact(): Promise<boolean | undefined> {
    const target = this.subscriber.identity;
    try {
      return String(await this.connection.send('CLIENT', ['GETREDIR'])) === target?.id;
    } catch {
      return undefined;
    }
  }
}

/** Whether Redis answered, although not as it should. */
export function wasAnswered(error: unknown): boolean {
  return !(error instanceof CacheUnavailableError) || (error.cause as Error | undefined)?.name === 'ReplyError';
}
