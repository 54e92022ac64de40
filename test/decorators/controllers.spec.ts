import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  type CallHandler,
  type CanActivate,
  Controller,
  type ExecutionContext,
  Get,
  Header,
  HttpCode,
  type INestApplication,
  Injectable,
  type NestInterceptor,
  NotFoundException,
  Param,
  ParseIntPipe,
  Post,
  Query,
  Req,
  Scope,
  SetMetadata,
  UseGuards,
  UseInterceptors,
} from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { Test } from '@nestjs/testing';
import { map, type Observable, of } from 'rxjs';
import { Cacheable, CacheEvict, CacheModule } from '../../src/index.js';

let runs = 0;
let guarded: unknown[] = [];

@Injectable()
class RoleGuard implements CanActivate {
  constructor(private readonly reflector: Reflector) {}

  canActivate(context: ExecutionContext): boolean {
    guarded.push(this.reflector.get('role', context.getHandler()));
    return context.switchToHttp().getRequest<{ headers: Record<string, string> }>().headers.role !== 'none';
  }
}

@Injectable()
class Wrap implements NestInterceptor {
  intercept(_context: ExecutionContext, next: CallHandler): Observable<unknown> {
    return next.handle().pipe(map((film: unknown) => ({ film })));
  }
}

@Controller('films')
class FilmController {
  @Get('search')
  @Cacheable()
  async search(@Query('q') query: string, @Query('page') page = '1'): Promise<string[]> {
    runs++;
    return [query, page];
  }

  @Get('request')
  @Cacheable()
  async request(@Req() _request: unknown): Promise<string> {
    return 'never';
  }

  @Get('stream')
  @Cacheable()
  stream(): Observable<number> {
    runs++;
    return of(1, 2, runs + 2);
  }

  @UseGuards(RoleGuard)
  @UseInterceptors(Wrap)
  @SetMetadata('role', 'reader')
  @Header('x-shop', 'strata')
  @Cacheable({ key: (id) => ['film', id] })
  @Get(':id')
  @HttpCode(203)
  async find(@Param('id', ParseIntPipe) id: number): Promise<{ id: number }> {
    runs++;
    if (id === 0) throw new NotFoundException(`no film ${id}`);
    return { id };
  }

  @CacheEvict({ key: (id) => ['film', id] })
  @Post(':id')
  async save(@Param('id', ParseIntPipe) id: number): Promise<string> {
    return `saved ${id}`;
  }
}

@Controller({ path: 'scoped', scope: Scope.REQUEST })
class ScopedController {
  @Get(':id')
  @Cacheable()
  async find(@Param('id') id: string): Promise<string> {
    runs++;
    return `scoped ${id}`;
  }
}

describe('cached handlers of controllers', () => {
  let app: INestApplication;
  let url: string;

  beforeEach(async () => {
    runs = 0;
    guarded = [];
    const module = Test.createTestingModule({
      imports: [CacheModule.forRoot()],
      controllers: [FilmController, ScopedController],
    });
    app = (await module.compile()).createNestApplication({ logger: false });
    await app.listen(0, '127.0.0.1');
    url = `http://127.0.0.1:${(app.getHttpServer().address() as AddressInfo).port}`;
  });

  afterEach(() => app.close());

  async function get(path: string, init?: RequestInit): Promise<[number, string]> {
    const response = await fetch(`${url}${path}`, init);
    return [response.status, await response.text()];
  }

  it('run once, with their pipes, status and headers', async () => {
    const response = await fetch(`${url}/films/7`);
    expect([response.status, response.headers.get('x-shop')]).toEqual([203, 'strata']);
    expect(await response.json()).toEqual({ film: { id: 7 } });
    expect(await get('/films/7')).toEqual([203, '{"film":{"id":7}}']);
    expect(runs).toBe(1);
    expect((await get('/films/seven'))[0]).toBe(400);
  });

  it('are guarded and intercepted each time, by the metadata of the handler', async () => {
    await get('/films/7');
    expect((await get('/films/7', { headers: { role: 'none' } }))[0]).toBe(403);
    expect(guarded).toEqual(['reader', 'reader']);
  });

  it('are evicted by other handlers', async () => {
    await get('/films/7');
    expect(await get('/films/7', { method: 'POST' })).toEqual([201, 'saved 7']);
    await get('/films/7');
    expect(runs).toBe(2);
  });

  it('answer with the errors of the handler, which are not kept', async () => {
    expect((await get('/films/0'))[0]).toBe(404);
    expect((await get('/films/0'))[0]).toBe(404);
    expect(runs).toBe(2);
  });

  it('tell requests apart by all arguments', async () => {
    expect(await get('/films/search?q=alien')).toEqual([200, '["alien","1"]']);
    expect(await get('/films/search?q=alien&page=2')).toEqual([200, '["alien","2"]']);
    expect(await get('/films/search?q=alien%3A2')).toEqual([200, '["alien:2","1"]']);
    await get('/films/search?q=alien');
    expect(runs).toBe(3);
  });

  it('refuse the request itself as part of a default key', async () => {
    expect((await get('/films/request'))[0]).toBe(500);
  });

  it('may return an Observable, of which the last value is the answer, first and later', async () => {
    expect(await get('/films/stream')).toEqual([200, '3']);
    expect(await get('/films/stream')).toEqual([200, '3']);
    expect(runs).toBe(1);
  });

  it('may belong to a controller that is made for each request', async () => {
    expect(await get('/scoped/a')).toEqual([200, 'scoped a']);
    expect(await get('/scoped/a')).toEqual([200, 'scoped a']);
    expect(runs).toBe(1);
  });
});
