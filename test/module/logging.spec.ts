import { beforeEach, describe, expect, it } from '@jest/globals';
import { Injectable, type LoggerService } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { Cacheable, CacheService } from '../../src/index.js';
import { CacheTestingModule, FakeClock } from '../../src/testing.js';
import { closeLater } from './app.js';

class Recorder implements LoggerService {
  lines: string[] = [];
  log = (...message: unknown[]) => this.add(message);
  warn = (...message: unknown[]) => this.add(message);
  error = (...message: unknown[]) => this.add(message);

  private add(message: unknown[]): void {
    if (message.includes('CacheModule')) this.lines.push(String(message[0]));
  }
}

class Account {
  readonly #pin: string;

  constructor(pin: string) {
    this.#pin = pin;
  }

  get pin(): string {
    return this.#pin;
  }
}

@Injectable()
class Accounts {
  failure: unknown;

  @Cacheable({ ttl: '1s', grace: '1h', key: (user) => ['account', user] })
  async find(user: string): Promise<{ secret: string }> {
    if (this.failure !== undefined) throw this.failure;
    return { secret: `value of ${user}` };
  }

  @Cacheable()
  async unstorable(pin: string): Promise<Account> {
    return new Account(pin);
  }

  @Cacheable()
  async huge(user: string): Promise<string> {
    return user.repeat(10_000);
  }
}

describe('the log', () => {
  let recorder: Recorder;
  let accounts: Accounts;
  let clock: FakeClock;
  let cache: CacheService;

  beforeEach(async () => {
    recorder = new Recorder();
    const imports = [CacheTestingModule.forRoot({ maxValueBytes: 1000, policies: {}, graceBackoff: 1 })];
    const module = Test.createTestingModule({ imports, providers: [Accounts] }).setLogger(recorder);
    const app = closeLater(await module.compile());
    await app.init();
    accounts = app.get(Accounts);
    clock = app.get(FakeClock);
    cache = app.get(CacheService);
    recorder.lines = [];
  });

  /** Has a value stored, then lets the source fail. */
  async function serveStale(user: string, failure: unknown): Promise<void> {
    accounts.failure = undefined;
    await accounts.find(user);
    await clock.advance('1s');
    accounts.failure = failure;
    expect(await accounts.find(user)).toEqual({ secret: `value of ${user}` });
  }

  it('is silent while all is well', async () => {
    await accounts.find('alice');
    await accounts.find('alice');
    await cache.evict(['account', 'alice']);
    expect(recorder.lines).toEqual([]);
  });

  it('tells that a stale value was served, with the kind of the error and not its message', async () => {
    const failure = Object.assign(new TypeError('no row for alice, pin 1234'), { code: 'P2002' });
    await serveStale('alice', failure);
    expect(recorder.lines).toEqual(['A stale value was served, because the load failed: TypeError (P2002)']);
  });

  it('tells of what is thrown and is no error only what it is', async () => {
    await serveStale('alice', 'pin 1234');
    expect(recorder.lines).toEqual(['A stale value was served, because the load failed: a thrown string']);
  });

  it('tells why a value was not cached, without the value', async () => {
    await accounts.unstorable('1234');
    expect(recorder.lines).toEqual([expect.stringContaining('an instance of Account')]);
    await clock.advance('10s');
    await accounts.huge('alice');
    expect(recorder.lines).toEqual([expect.anything(), expect.stringMatching(/about \d+ bytes.*maxValueBytes/)]);
    expect(recorder.lines.join()).not.toMatch(/1234|alice/);
  });

  it('tells that a listener of the app threw, without what it said', async () => {
    cache.on('hit', ({ key }) => {
      throw new Error(`no ${key}`);
    });
    await accounts.find('alice');
    await accounts.find('alice');
    expect(recorder.lines).toEqual(['"listener of "hit"" failed: Error']);
  });

  it('tells the same trouble once in ten seconds, also when its messages differ, and then how often it was', async () => {
    for (let user = 0; user < 5; user++) await serveStale(`user ${user}`, new Error(`${user} is gone`));
    expect(recorder.lines).toEqual(['A stale value was served, because the load failed: Error']);
    await clock.advance('10s');
    await serveStale('bob', new Error('bob is gone'));
    expect(recorder.lines.slice(1)).toEqual([
      'A stale value was served, because the load failed: Error (4 more times since this was last told)',
    ]);
  });

  it('tells another trouble at once', async () => {
    await serveStale('alice', new Error('x'));
    await serveStale('bob', new RangeError('x'));
    await accounts.unstorable('1234');
    expect(recorder.lines).toHaveLength(3);
  });
});
