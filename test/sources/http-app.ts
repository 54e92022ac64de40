import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import {
  type CallHandler,
  Controller,
  type DynamicModule,
  type ExecutionContext,
  Get,
  HttpException,
  type INestApplication,
  Inject,
  Injectable,
  type NestInterceptor,
  NotFoundException,
  Param,
  ParseIntPipe,
  Res,
  Scope,
  Sse,
  StreamableFile,
  UseInterceptors,
} from '@nestjs/common';
import { type AbstractHttpAdapter, REQUEST } from '@nestjs/core';
import { Test } from '@nestjs/testing';
import { concat, delay, map, mergeMap, type Observable, of, throwError } from 'rxjs';
import { Fallback, FallbackInterceptor, UseFallback } from '../../src/index.js';
import { CacheTestingModule } from '../../src/testing.js';
import { closeLater } from '../module/app.js';

export const BACKUP = Symbol('catalogue');
export const state = { down: false, backup: true };

function primary<T>(value: T): T {
  if (state.down) throw new HttpException('the shop is closed', 502);
  return value;
}

function backup<T>(value: T): T {
  if (!state.backup) throw new Error('no backup');
  return value;
}

@Injectable()
export class Backup {
  find(id: number): { from: string; id: number } {
    return backup({ from: 'backup', id });
  }

  list(): string[] {
    return backup(['backup']);
  }

  file(): StreamableFile {
    return new StreamableFile(Readable.from(['backup ', 'file']));
  }

  async raw(response: { status(code: number): unknown; send(text: string): unknown }): Promise<void> {
    response.send('backup raw');
  }

  events(): Observable<{ data: string }> {
    return of({ data: 'backup 1' }, { data: 'backup 2' });
  }
}

@Injectable({ scope: Scope.REQUEST })
class OfRequest {
  constructor(@Inject(REQUEST) private readonly request: { headers: Record<string, string> }) {}

  whose(): string {
    return `backup of ${this.request.headers['x-user']}`;
  }
}

@Injectable()
class Wrap implements NestInterceptor {
  intercept(_context: ExecutionContext, next: CallHandler): Observable<unknown> {
    return next.handle().pipe(map((data: unknown) => ({ data })));
  }
}

@Injectable()
class Shelves {
  @Fallback({ to: [{ use: () => 'backup shelf' }] })
  async read(): Promise<string> {
    return primary('shelf');
  }
}

@Controller('films')
class FilmController {
  constructor(private readonly shelves: Shelves) {}

  @Get('one/:id')
  @UseFallback({ to: [BACKUP], breaker: false })
  find(@Param('id', ParseIntPipe) id: number): { from: string; id: number } {
    if (id === 404) throw new NotFoundException(`no film ${id}`);
    return primary({ from: 'primary', id });
  }

  @Get('kept/:id')
  @UseFallback<[id: string]>({
    to: [{ use: () => backup('x'), name: 'a "list"' }],
    serveStale: '1h',
    key: (id) => [id],
    breaker: false,
  })
  async kept(@Param('id') id: string): Promise<{ id: string }> {
    return primary({ id });
  }

  @Get('broken')
  @UseFallback({ to: [{ provider: BACKUP, method: 'list', breaker: false }], breaker: { calls: 2, minimum: 2 } })
  broken(): string[] {
    return primary(['primary']);
  }

  @Get('wrapped')
  @UseFallback({ to: [{ provider: BACKUP, method: 'list' }] })
  @UseInterceptors(Wrap)
  wrapped(): string[] {
    return primary(['primary']);
  }

  @Get('file')
  @UseFallback({ to: [BACKUP], serveStale: '1h', key: () => 'file' })
  file(): StreamableFile {
    return primary(new StreamableFile(Readable.from(['primary ', 'file'])));
  }

  @Get('raw')
  @UseFallback({ to: [BACKUP] })
  raw(@Res() response: { send(text: string): unknown }): void {
    response.send(primary('primary raw'));
  }

  @Get('torn')
  @UseFallback({ to: [{ provider: BACKUP, method: 'raw' }] })
  torn(@Res() response: { send(text: string): unknown }): void {
    response.send('half');
    throw new Error('after the response');
  }

  @Get('whose')
  @UseFallback({ to: [OfRequest] })
  whose(): string {
    return primary('primary');
  }

  @Get('observable')
  @UseFallback({ to: [{ provider: BACKUP, method: 'list' }] })
  observable(): Observable<string[]> {
    return state.down ? throwError(() => new Error('down')) : of(['primary']);
  }

  @Sse('events')
  @UseFallback({ to: [BACKUP] })
  events(): Observable<{ data: string }> {
    if (state.down) return throwError(() => new Error('down'));
    const later = of({ data: 'primary 2' }).pipe(delay(5));
    const failing = of(0).pipe(
      delay(5),
      mergeMap(() => throwError(() => new Error('in the middle'))),
    );
    return concat(of({ data: 'primary 1' }), later, failing);
  }

  @Get('hangs')
  @UseFallback({ to: [{ use: () => 'quick' }], timeout: 50 })
  hangs(): Promise<string> {
    return new Promise(() => {});
  }

  @Get('by-hand')
  @UseInterceptors(FallbackInterceptor)
  byHand(): Promise<string> {
    return this.shelves.read();
  }

  @Get('without')
  without(): string {
    return primary('primary');
  }
}

@Controller('class')
@UseFallback({ to: [BACKUP], breaker: false })
class WholeController {
  @Get('list')
  list(): string[] {
    return primary(['primary']);
  }

  @Get('own')
  @UseFallback({ to: [{ use: () => 'own' }] })
  own(): string {
    return primary('primary');
  }

  @Get('other')
  other(): string {
    return primary('primary');
  }
}

@Controller('scoped')
@Injectable({ scope: Scope.REQUEST })
class ScopedController {
  constructor(@Inject(REQUEST) private readonly request: { headers: Record<string, string> }) {}

  @Get()
  @UseFallback({ to: [OfRequest] })
  whose(): string {
    return primary(`primary of ${this.request.headers['x-user']}`);
  }
}

interface Reply {
  status: number;
  text: string;
  cacheStatus: string | null;
}

export async function startHttp(
  platform: AbstractHttpAdapter | undefined,
  imports: DynamicModule[] = [CacheTestingModule.forRoot()],
) {
  Object.assign(state, { down: false, backup: true });
  const testing = await Test.createTestingModule({
    imports,
    controllers: [FilmController, WholeController, ScopedController],
    providers: [{ provide: BACKUP, useClass: Backup }, OfRequest, Shelves],
  }).compile();
  const options = { logger: false } as const;
  const app: INestApplication = platform
    ? testing.createNestApplication(platform, options)
    : testing.createNestApplication(options);
  closeLater(app);
  await app.listen(0, '127.0.0.1');
  const { port } = app.getHttpServer().address() as AddressInfo;
  const get = async (path: string, headers: Record<string, string> = {}): Promise<Reply> => {
    const response = await fetch(`http://127.0.0.1:${port}/${path}`, { headers });
    return {
      status: response.status,
      text: await response.text(),
      cacheStatus: response.headers.get('cache-status'),
    };
  };
  return { app, get };
}
