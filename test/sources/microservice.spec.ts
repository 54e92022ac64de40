import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Controller, Injectable, Scope } from '@nestjs/common';
import {
  type ClientProxy,
  ClientProxyFactory,
  MessagePattern,
  type MicroserviceOptions,
  Payload,
  RpcException,
  Transport,
} from '@nestjs/microservices';
import { Test } from '@nestjs/testing';
import { concat, firstValueFrom, lastValueFrom, type Observable, of, throwError, toArray } from 'rxjs';
import { UseFallback } from '../../src/index.js';
import { CacheTestingModule } from '../../src/testing.js';

const state = { down: false, backup: true };

@Injectable()
class Backup {
  find(id: number): string {
    if (!state.backup) throw new Error('no backup');
    return `backup ${id}`;
  }

  all(): Observable<string> {
    return of('backup 1', 'backup 2');
  }
}

@Injectable({ scope: Scope.REQUEST })
class OfRequest {
  readonly made = Math.random();

  whose(): string {
    return 'backup of a request';
  }
}

@Controller()
@UseFallback({ to: [Backup, OfRequest], breaker: false })
class FilmController {
  @MessagePattern('find')
  async find(@Payload() id: number): Promise<string> {
    if (id === 404) throw new RpcException({ status: 404, message: 'no such film' });
    if (state.down) throw new RpcException('the shop is closed');
    return `primary ${id}`;
  }

  @MessagePattern('all')
  all(): Observable<string> {
    if (state.down) return throwError(() => new Error('down'));
    return of('primary 1', 'primary 2');
  }

  @MessagePattern('torn')
  @UseFallback({ to: [{ provider: Backup, method: 'all' }] })
  torn(): Observable<string> {
    return concat(
      of('primary 1'),
      throwError(() => new RpcException('in the middle')),
    );
  }

  @MessagePattern('whose')
  whose(): string {
    throw new Error('down');
  }

  @MessagePattern('kept')
  @UseFallback<[id: number]>({
    to: [{ provider: Backup, method: 'find' }],
    serveStale: '1h',
    key: (id) => [id],
    breaker: false,
  })
  async kept(@Payload() id: number): Promise<string> {
    if (state.down) throw new RpcException('the shop is closed');
    return `kept ${id}`;
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

let client: ClientProxy;
let close: () => Promise<void>;

beforeEach(async () => {
  Object.assign(state, { down: false, backup: true });
  const options = { host: '127.0.0.1', port: await freePort() };
  const testing = await Test.createTestingModule({
    imports: [CacheTestingModule.forRoot()],
    controllers: [FilmController],
    providers: [Backup, OfRequest],
  }).compile();
  const app = testing.createNestMicroservice<MicroserviceOptions>({
    transport: Transport.TCP,
    options,
    logger: false,
  });
  await app.listen();
  client = ClientProxyFactory.create({ transport: Transport.TCP, options });
  close = async () => {
    await client.close();
    await app.close();
  };
});

afterEach(() => close());

const ask = (pattern: string, data: unknown = {}) => firstValueFrom(client.send<string>(pattern, data));
const failure = (work: Promise<unknown>) =>
  work.then(
    () => undefined,
    (error: unknown) => error,
  );

describe('@UseFallback in a microservice over TCP', () => {
  it('lets the backup answer when the handler fails', async () => {
    expect(await ask('find', 7)).toBe('primary 7');
    state.down = true;
    expect(await ask('find', 7)).toBe('backup 7');
  });

  it('leaves what the client did wrong to the client', async () => {
    expect(await failure(ask('find', 404))).toMatchObject({ status: 404 });
  });

  it("answers with the handler's own error when all fail", async () => {
    Object.assign(state, { down: true, backup: false });
    expect(await failure(ask('find', 7))).toMatchObject({ message: 'the shop is closed' });
  });

  it('passes on all values of an Observable, of the handler or of its backup', async () => {
    const all = (pattern: string) => lastValueFrom(client.send<string>(pattern, {}).pipe(toArray()));
    expect(await all('all')).toEqual(['primary 1', 'primary 2']);
    state.down = true;
    expect(await all('all')).toEqual(['backup 1', 'backup 2']);
    expect(await failure(all('torn'))).toMatchObject({ message: 'in the middle' });
  });

  it('asks a backup that is made for the request', async () => {
    expect(await ask('whose')).toBe('backup of a request');
  });

  it('serves the last good answer of the same key', async () => {
    expect(await ask('kept', 1)).toBe('kept 1');
    Object.assign(state, { down: true, backup: false });
    expect(await ask('kept', 1)).toBe('kept 1');
    expect(await failure(ask('kept', 2))).toMatchObject({ message: 'the shop is closed' });
  });
});
