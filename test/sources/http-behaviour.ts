import { expect, it } from '@jest/globals';
import type { AbstractHttpAdapter } from '@nestjs/core';
import { CacheService } from '../../src/index.js';
import { FakeClock } from '../../src/testing.js';
import { startHttp, state } from './http-app.js';

/** What must hold whatever serves HTTP. */
export function fallbackOverHttp(platform: () => AbstractHttpAdapter | undefined): void {
  it('lets the handler answer, and says so', async () => {
    const { get } = await startHttp(platform());
    expect(await get('films/one/7')).toEqual({
      status: 200,
      text: '{"from":"primary","id":7}',
      cacheStatus: 'nestjs-strata; fwd=miss; detail=primary',
    });
  });

  it('lets the backup answer when the handler fails, with the arguments the pipes made', async () => {
    const { app, get } = await startHttp(platform());
    const events: unknown[] = [];
    app.get(CacheService).on('fallback', (event) => events.push(event));
    state.down = true;
    expect(await get('films/one/7', { 'x-request-id': 'abc-1' })).toEqual({
      status: 200,
      text: '{"from":"backup","id":7}',
      cacheStatus: 'nestjs-strata; fwd=miss; fwd-status=502; detail=catalogue',
    });
    expect(events).toMatchObject([{ chain: 'FilmController.find', source: 'catalogue', requestId: 'abc-1' }]);
  });

  it('leaves what the client did wrong to the client', async () => {
    const { get } = await startHttp(platform());
    expect((await get('films/one/404')).status).toBe(404);
    expect((await get('films/one/x')).status).toBe(400);
  });

  it("answers with the handler's own error when all fail, and says so", async () => {
    const { get } = await startHttp(platform());
    Object.assign(state, { down: true, backup: false });
    const { status, text, cacheStatus } = await get('films/one/7');
    expect([status, JSON.parse(text)]).toEqual([502, { statusCode: 502, message: 'the shop is closed' }]);
    expect(cacheStatus).toBe('nestjs-strata; fwd=miss; fwd-status=502; detail=none');
  });

  it('answers 503 while the breaker is open and nobody else answers', async () => {
    const { get } = await startHttp(platform());
    Object.assign(state, { down: true, backup: false });
    const codes: number[] = [];
    for (let i = 0; i < 4; i++) codes.push((await get('films/broken')).status);
    expect(codes).toEqual([502, 502, 503, 503]);
    state.backup = true;
    expect((await get('films/broken')).text).toBe('["backup"]');
  });

  it('serves the last good answer of the same key, and of no other', async () => {
    const { app, get } = await startHttp(platform());
    await get('films/kept/1');
    Object.assign(state, { down: true, backup: false });
    expect(await get('films/kept/1')).toEqual({
      status: 200,
      text: '{"id":"1"}',
      cacheStatus: 'nestjs-strata; fwd=stale; fwd-status=502; detail=stale',
    });
    expect((await get('films/kept/2')).status).toBe(502);
    state.backup = true;
    expect((await get('films/kept/1')).cacheStatus).toBe(
      'nestjs-strata; fwd=miss; fwd-status=502; detail="a \\"list\\""',
    );
    state.backup = false;
    await app.get(FakeClock).advance('61m');
    expect((await get('films/kept/1')).status).toBe(502);
  });

  it("shows a backup's answer to interceptors as it shows the handler's", async () => {
    const { get } = await startHttp(platform());
    expect((await get('films/wrapped')).text).toBe('{"data":["primary"]}');
    state.down = true;
    expect((await get('films/wrapped')).text).toBe('{"data":["backup"]}');
  });

  it('passes files on, from both, and keeps none', async () => {
    const { get } = await startHttp(platform());
    expect((await get('films/file')).text).toBe('primary file');
    expect((await get('films/file')).text).toBe('primary file');
    state.down = true;
    expect((await get('films/file')).text).toBe('backup file');
  });

  it('lets a backup write the response that the handler would have written', async () => {
    const { get } = await startHttp(platform());
    expect((await get('films/raw')).text).toBe('primary raw');
    state.down = true;
    expect((await get('films/raw')).text).toBe('backup raw');
  });

  it('asks nobody else after a response was sent', async () => {
    const { get } = await startHttp(platform());
    expect((await get('films/torn')).text).toBe('half');
  });

  it('asks the backup of the request, if that is its scope', async () => {
    const { get } = await startHttp(platform());
    state.down = true;
    const users = ['ann', 'bob'];
    const texts = await Promise.all(users.map(async (user) => (await get('films/whose', { 'x-user': user })).text));
    expect(texts).toEqual(['backup of ann', 'backup of bob']);
    expect((await get('scoped', { 'x-user': 'eve' })).text).toBe('backup of eve');
    state.down = false;
    expect((await get('scoped', { 'x-user': 'eve' })).text).toBe('primary of eve');
  });

  it('takes an Observable for an answer from its first value on', async () => {
    const { get } = await startHttp(platform());
    expect((await get('films/observable')).text).toBe('["primary"]');
    expect((await get('films/events')).text).toMatch(/data: primary 1[\s\S]*data: primary 2[\s\S]*event: error/);
    state.down = true;
    expect((await get('films/observable')).text).toBe('["backup"]');
    expect((await get('films/events')).text).toMatch(/data: backup 1[\s\S]*data: backup 2/);
  });

  it('gives up a handler that takes too long', async () => {
    const { get } = await startHttp(platform());
    expect(await get('films/hangs')).toMatchObject({
      text: 'quick',
      cacheStatus: 'nestjs-strata; fwd=miss; fwd-status=504; detail=default',
    });
  });

  it('says nothing of a service that a handler without a fallback calls', async () => {
    const { get } = await startHttp(platform());
    expect(await get('films/by-hand')).toEqual({ status: 200, text: 'shelf', cacheStatus: null });
    state.down = true;
    expect(await get('films/by-hand')).toEqual({ status: 200, text: 'backup shelf', cacheStatus: null });
  });

  it('holds for all handlers of a class that have none of their own', async () => {
    const { get } = await startHttp(platform());
    state.down = true;
    expect((await get('class/list')).text).toBe('["backup"]');
    expect((await get('class/own')).text).toBe('own');
    expect((await get('class/other')).status).toBe(502);
  });
}
