import { describe, expect, it } from '@jest/globals';
import { Controller, type DynamicModule, Get } from '@nestjs/common';
import { APP_INTERCEPTOR } from '@nestjs/core';
import { CacheModule, FallbackInterceptor, UseFallback } from '../../src/index.js';
import { CacheTestingModule } from '../../src/testing.js';
import { bootError } from '../module/app.js';
import { BACKUP, Backup, startHttp, state } from '../sources/http-app.js';
import { fallbackOverHttp } from '../sources/http-behaviour.js';

describe('@UseFallback over HTTP, with Express', () => fallbackOverHttp(() => undefined));

describe('@UseFallback', () => {
  it('does nothing in an app without CacheModule', async () => {
    const { get } = await startHttp(undefined, []);
    expect(await get('films/one/7')).toEqual({ status: 200, text: '{"from":"primary","id":7}', cacheStatus: null });
    state.down = true;
    expect((await get('films/one/7')).status).toBe(502);
  });

  it('does the same when its interceptor is bound for the whole app as well', async () => {
    const global: DynamicModule = {
      module: class Global {},
      providers: [{ provide: APP_INTERCEPTOR, useClass: FallbackInterceptor }],
    };
    const { get } = await startHttp(undefined, [CacheTestingModule.forRoot(), global]);
    state.down = true;
    expect((await get('films/one/7')).cacheStatus).toBe('nestjs-strata; fwd=miss; fwd-status=502; detail=catalogue');
    expect((await get('films/without')).cacheStatus).toBeNull();
  });

  it('wants a key before it keeps answers that may belong to one user', async () => {
    @Controller()
    class Mine {
      @Get()
      @UseFallback({ to: [BACKUP, 'nobody'], serveStale: '1h' })
      list(): string {
        return 'mine';
      }
    }
    const error = await bootError({
      imports: [CacheModule.forRoot()],
      controllers: [Mine],
      providers: [{ provide: BACKUP, useClass: Backup }],
    });
    expect(error.problems.map(({ option }) => option)).toEqual([
      'to[1].provider in @UseFallback of Mine.list',
      'serveStale in @UseFallback of Mine.list',
    ]);
    expect(error.message).toMatch(/one user's answer could be shown to another/);
  });
});
