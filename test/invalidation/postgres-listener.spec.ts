import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { PostgresClientLike } from '../../src/invalidation/postgres/client-like.js';
import { ChannelListener } from '../../src/invalidation/postgres/listener.js';
import { readMessage } from '../../src/invalidation/postgres/message.js';
import { FakeClock } from '../../src/testing.js';
import { settled } from '../engine/embedded-cache.js';

type Listener = (argument?: unknown) => void;

/** A connection as the spec wants it: `deaf` takes LISTEN and hears nothing, `hung` answers nothing any more. */
class FakeConnection implements PostgresClientLike {
  readonly queries: string[] = [];
  ended = false;
  hung = false;
  private readonly listeners = new Map<string, Listener[]>();

  constructor(private readonly way: 'fine' | 'refused' | 'deaf' | 'hung' = 'fine') {
    this.hung = way === 'hung';
  }

  async connect(): Promise<void> {
    if (this.way === 'refused') throw new Error('refused');
    if (this.hung) await new Promise(() => undefined);
  }

  async query(text: string): Promise<void> {
    this.queries.push(text);
    if (this.hung) await new Promise(() => undefined);
    const probe = /pg_notify\('events', '(.*)'\)$/.exec(text)?.[1];
    if (probe !== undefined && this.way !== 'deaf') this.tell('notification', { channel: 'events', payload: probe });
  }

  async end(): Promise<void> {
    this.ended = true;
    this.tell('end');
  }

  on(event: string, listener: unknown): void {
    this.listeners.set(event, [...(this.listeners.get(event) ?? []), listener as Listener]);
  }

  tell(event: string, argument?: unknown): void {
    for (const listener of this.listeners.get(event) ?? []) listener(argument);
  }
}

describe('the connection that listens', () => {
  let clock: FakeClock;
  let told: unknown[];
  let made: FakeConnection[];
  let ways: ConstructorParameters<typeof FakeConnection>[0][];
  let listener: ChannelListener;

  beforeEach(() => {
    clock = new FakeClock();
    told = [];
    made = [];
    ways = [];
    const make = () => {
      const connection = new FakeConnection(ways.shift() ?? 'fine');
      made.push(connection);
      return connection;
    };
    const events = {
      heard: (text: string | undefined) => {
        const message = readMessage(text);
        if (message.kind === 'probe') listener.answered(message.token);
        else told.push(`heard ${text}`);
      },
      listening: async (first: boolean) => void told.push(first ? 'listening' : 'listening again'),
      lost: () => told.push('lost'),
      trouble: (error: unknown) => told.push(error instanceof Error ? error.message : error),
    };
    listener = new ChannelListener(make, 'events', 10_000, events, clock);
  });
  afterEach(() => listener.stop());

  const last = () => made.at(-1) as FakeConnection;

  it('listens, and hears what comes on its channel only', async () => {
    await listener.start();
    expect(last().queries[0]).toBe('LISTEN "events"');
    last().tell('notification', { channel: 'others', payload: 'a' });
    last().tell('notification', { channel: 'events', payload: 'b' });
    expect(told).toEqual(['listening', 'heard b']);
  });

  it.each<[string, (connection: FakeConnection) => void]>([
    ['tells an error', (connection) => connection.tell('error', new Error('reset'))],
    ['ends', (connection) => connection.tell('end')],
  ])('is replaced when it %s', async (_what, lose) => {
    await listener.start();
    lose(last());
    expect(told).toEqual(['listening', 'lost']);
    await clock.advance(100);
    expect(made).toHaveLength(2);
    expect(made[0]?.ended).toBe(true);
    expect(told).toEqual(['listening', 'lost', 'listening again']);
  });

  it('is tried again, less and less often, until it comes', async () => {
    ways = ['refused', 'refused', 'refused', 'refused'];
    await listener.start();
    expect(told).toEqual(['refused']);
    await clock.advance(100);
    await clock.advance(199);
    expect(made).toHaveLength(2);
    await clock.advance(1);
    expect(made).toHaveLength(3);
    await clock.advance('10s');
    expect(told).toEqual(['refused', 'refused', 'refused', 'refused', 'listening']);
  });

  it('is asked now and then whether it lives, and replaced when it does not answer in time', async () => {
    await listener.start();
    await clock.advance('10s');
    expect(last().queries.at(-1)).toBe('SELECT 1');
    await clock.advance('9s');
    last().hung = true;
    await clock.advance('1s');
    await clock.advance(4_999);
    expect(told).toEqual(['listening']);
    await clock.advance(1);
    expect(told).toEqual(['listening', 'lost']);
    await clock.advance(100);
    expect(told).toEqual(['listening', 'lost', 'listening again']);
  });

  it('is not believed before its own notification has come back: a pooler passes none on', async () => {
    ways = ['deaf'];
    const started = listener.start();
    await settled();
    expect(told).toEqual([]);
    await clock.advance('5s');
    await started;
    expect(told).toEqual([expect.stringMatching(/"listen" within 5000 ms.*PgBouncer/s)]);
    await clock.advance(100);
    expect(told.slice(1)).toEqual(['listening']);
  });

  it('may be stopped while it is being made', async () => {
    ways = ['hung'];
    const started = listener.start();
    await settled();
    await listener.stop();
    await started;
    expect(last().ended).toBe(true);
    await clock.advance('1m');
    expect(made).toHaveLength(1);
    expect(told).toEqual([]);
  });

  it('is not replaced after it was stopped', async () => {
    await listener.start();
    await listener.stop();
    expect(last().ended).toBe(true);
    await clock.advance('1m');
    expect(made).toHaveLength(1);
    expect(told).toEqual(['listening']);
  });
});
