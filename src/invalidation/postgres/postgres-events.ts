import pg from 'pg';
import { Check, isFunction } from '../../cache.check.js';
import { CacheError, type OptionProblem } from '../../cache.errors.js';
import type { Duration, Milliseconds } from '../../engine/duration.js';
import { eventNameRemedy, overlap } from '../event-pattern.js';
import type { InvalidationSink, InvalidationSource, OpenedInvalidationSource } from '../source.port.js';
import type { PostgresClientLike } from './client-like.js';
import { ChannelListener } from './listener.js';
import { readMessage } from './message.js';
import { DEFAULT_CHANNEL, nameRemedy } from './names.js';

/** Options of `postgresEvents`: one of `connectionString` and `client`. */
export interface PostgresEventsOptions {
  /** Where Postgres is; without a pooler in between (PgBouncer in transaction mode does not pass notifications on). */
  connectionString?: string;
  /** Makes a new client of `pg`, not connected, whenever a connection is needed: `() => new pg.Client({ ... })`. */
  client?: () => PostgresClientLike | Promise<PostgresClientLike>;
  /** The channel that the triggers notify. Default `'nestjs_strata'`. */
  channel?: string;
  /**
   * Which events may come this way, as names or patterns: `['products.*']`. When some may have been missed, only rules for
   * these are concerned. Others are heard and reported as an error. Default: all, so all rules are concerned.
   */
  events?: readonly string[];
  /**
   * Whether what rules concern is invalidated when the app starts, because rows may have been changed while nobody listened and
   * Redis may have old values. Default `true`; `false` if another process with the same Redis listens at all times.
   */
  missedAtStart?: boolean;
  /** How often the connection is asked whether it is alive. A dead one may stay unnoticed that long, and 5 s more. Default `'10s'`. */
  heartbeat?: Duration;
}

const EVERYTHING = ['**'];

/**
 * Events from Postgres, by `LISTEN`: for `CacheModule.forRoot({ invalidation: { rules, sources: [postgresEvents({ ... })] } })`.
 * One connection for each process. Tables tell their changes by the trigger of `invalidationTriggerSql`.
 *
 * Notifications that come while the connection is away are lost. So when it is back, everything they could have invalidated is
 * invalidated: the `missed` targets of the rules, by default their whole cache.
 */
export function postgresEvents(options: PostgresEventsOptions): InvalidationSource {
  const problems: OptionProblem[] = [];
  const resolved = resolve(new Check('', problems), options ?? {});
  return { name: 'postgres', problems, open: (sink) => openPostgresEvents(resolved, sink) };
}

interface Resolved {
  make: () => PostgresClientLike | Promise<PostgresClientLike>;
  channel: string;
  events: readonly string[];
  missedAtStart: boolean;
  heartbeat: Milliseconds;
}

function resolve(check: Check, options: PostgresEventsOptions): Resolved {
  const { connectionString, client, channel = DEFAULT_CHANNEL, events = EVERYTHING, missedAtStart = true } = options;
  check.known(options, ['connectionString', 'client', 'channel', 'events', 'missedAtStart', 'heartbeat']);
  if ((connectionString === undefined) === (client === undefined)) {
    // Not its value: it has a password.
    const remedy = 'Pass one of connectionString and client.';
    check.fail('connectionString', connectionString === undefined ? undefined : 'given, and client too', remedy);
  } else if (client !== undefined && !isFunction(client)) {
    check.fail('client', client, 'Pass a function that makes a client: () => new pg.Client({ ... }).');
  } else if (connectionString !== undefined && (typeof connectionString !== 'string' || connectionString === '')) {
    check.fail(
      'connectionString',
      typeof connectionString,
      "Pass a text: 'postgres://user:password@host:5432/database'.",
    );
  }
  const channelRemedy = nameRemedy(channel);
  if (channelRemedy !== undefined) check.fail('channel', channel, channelRemedy);
  if (!Array.isArray(events) || events.length === 0) check.fail('events', events, "Pass an array: ['products.*'].");
  else {
    for (const event of events) {
      const remedy = eventNameRemedy(event);
      if (remedy !== undefined) check.fail('events', event, remedy);
    }
  }
  if (typeof missedAtStart !== 'boolean') check.fail('missedAtStart', missedAtStart, 'Use true or false.');
  const heartbeat = check.time('heartbeat', options.heartbeat, 10_000, 1);
  const make = client ?? (() => connectTo(connectionString as string));
  return { make, channel, events, missedAtStart, heartbeat };
}

function connectTo(connectionString: string): PostgresClientLike {
  return new pg.Client({ connectionString, application_name: 'nestjs-strata events', keepAlive: true });
}

function openPostgresEvents(options: Resolved, sink: InvalidationSink): OpenedInvalidationSource {
  const { make, channel, events, missedAtStart, heartbeat } = options;
  let started = false;
  const listener: ChannelListener = new ChannelListener(make, channel, heartbeat, {
    heard(text) {
      const message = readMessage(text);
      switch (message.kind) {
        case 'probe':
          return listener.answered(message.token);
        case 'unreadable':
          sink.trouble(unreadable(channel));
          return void sink.missed(events, 'unreadable');
        case 'rows':
          return void sink.missed(message.events, 'incomplete');
        case 'event':
          if (!events.some((event) => overlap(event, message.event))) sink.trouble(unexpected(message.event));
          return void sink.hear(message.event, message.payloads);
      }
    },
    async listening(first) {
      // An app that started without Postgres has served and stored values since.
      if (!first || started) {
        sink.log('info', 'Events of Postgres are heard.');
        await sink.missed(events, 'connection');
      } else if (missedAtStart) await sink.missed(events, 'start');
    },
    lost: () =>
      sink.log(
        'warn',
        'The connection for events of Postgres is lost. Changes made there are not seen until it is back.',
      ),
    trouble: (error) => sink.trouble(error),
  });
  return {
    start: async () => {
      await listener.start();
      started = true;
    },
    stop: () => listener.stop(),
  };
}

class PostgresEventsError extends CacheError {
  constructor(message: string, remedy: string) {
    super('CACHE_INVALIDATION_SOURCE', message, remedy);
  }
}

function unreadable(channel: string): CacheError {
  return new PostgresEventsError(
    `A notification on the channel "${channel}" could not be read.`,
    'Use a channel of its own for the cache, and make triggers with invalidationTriggerSql() of the version that listens.',
  );
}

function unexpected(event: string): CacheError {
  return new PostgresEventsError(
    `Postgres told the event "${event}", which the option events does not name.`,
    'Add it there: what its rules concern is not invalidated after a loss of the connection.',
  );
}
