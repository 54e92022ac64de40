import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Inject, Injectable, NotFoundException, Scope } from '@nestjs/common';
import { REQUEST } from '@nestjs/core';
import { Args, GraphQLModule, Int, Query, Resolver } from '@nestjs/graphql';
import type { MercuriusDriverConfig } from '@nestjs/mercurius';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import { CacheService, UseFallback } from '../../src/index.js';
import { CacheTestingModule } from '../../src/testing.js';

// mercurius requires it for the pages of GraphiQL, and Jest (below Node 24.9) cannot require a module of ESM that it needs. Nothing
// here asks for these pages.
jest.mock('@fastify/static', () => async () => {});

const state = { down: false, backup: true };

@Injectable()
class Backup {
  film(id: number): string {
    if (!state.backup) throw new Error('no backup');
    return `backup ${id}`;
  }
}

@Injectable({ scope: Scope.REQUEST })
class OfRequest {
  constructor(@Inject(REQUEST) private readonly context: { reply: { request: { headers: Record<string, string> } } }) {}

  whose(): string {
    return `backup of ${this.context.reply.request.headers['x-user']}`;
  }
}

@Resolver()
@UseFallback({ to: [Backup, OfRequest], breaker: false })
class FilmResolver {
  @Query(() => String)
  film(@Args('id', { type: () => Int }) id: number): string {
    if (id === 404) throw new NotFoundException('no such film');
    if (state.down) throw new Error('the shop is closed');
    return `primary ${id}`;
  }

  @Query(() => String)
  @UseFallback({ to: [OfRequest] })
  whose(): string {
    throw new Error('down');
  }
}

let app: NestFastifyApplication;

beforeEach(async () => {
  Object.assign(state, { down: false, backup: true });
  const { MercuriusDriver } = await import('@nestjs/mercurius');
  const testing = await Test.createTestingModule({
    imports: [
      CacheTestingModule.forRoot(),
      GraphQLModule.forRoot<MercuriusDriverConfig>({ driver: MercuriusDriver, autoSchemaFile: true }),
    ],
    providers: [FilmResolver, Backup, OfRequest],
  }).compile();
  app = testing.createNestApplication<NestFastifyApplication>(new FastifyAdapter(), { logger: false });
  await app.listen(0, '127.0.0.1');
});

afterEach(() => app.close());

async function ask(query: string, headers: Record<string, string> = {}): Promise<unknown> {
  const response = await fetch(`${await app.getUrl()}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ query }),
  });
  return response.json();
}

describe('@UseFallback on a resolver, with Mercurius', () => {
  it('lets the backup answer when the resolver fails', async () => {
    expect(await ask('{ film(id: 7) }')).toMatchObject({ data: { film: 'primary 7' } });
    state.down = true;
    const events: unknown[] = [];
    app.get(CacheService).on('fallback', (event) => events.push(event));
    expect(await ask('{ film(id: 7) }', { 'x-request-id': 'abc' })).toMatchObject({ data: { film: 'backup 7' } });
    expect(events).toMatchObject([{ chain: 'FilmResolver.film', source: 'Backup', requestId: 'abc' }]);
  });

  it('leaves what the client did wrong to the client', async () => {
    expect(await ask('{ film(id: 404) }')).toMatchObject({ errors: [{ message: 'no such film' }] });
  });

  it("answers with the resolver's own error when all fail", async () => {
    Object.assign(state, { down: true, backup: false });
    expect(await ask('{ film(id: 7) }')).toMatchObject({ errors: [{ message: 'the shop is closed' }] });
  });

  it('asks a backup that is made for the request', async () => {
    expect(await ask('{ whose }', { 'x-user': 'ann' })).toMatchObject({ data: { whose: 'backup of ann' } });
  });
});
