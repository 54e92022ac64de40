import { describe, expect, it } from '@jest/globals';
import { type ArgumentsHost, Catch, type ExceptionFilter } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { OverloadError } from '../../src/index.js';
import { OverloadedModule, overloaded } from './overload-app.js';

@Catch(OverloadError)
class OwnFilter implements ExceptionFilter {
  catch(_error: unknown, host: ArgumentsHost): void {
    host.switchToHttp().getResponse().status(429).json({ own: true });
  }
}

describe('a load for which there is no room', () => {
  it('is a 503 with Retry-After over HTTP', async () => {
    const app = await NestFactory.create(OverloadedModule, { logger: false });
    const answer = await overloaded(app);
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '1']);
    expect(await answer.json()).toEqual({ statusCode: 503, message: 'Service Unavailable' });
    await app.close();
  });

  it('is what a filter of the app makes of it', async () => {
    const app = await NestFactory.create(OverloadedModule, { logger: false });
    app.useGlobalFilters(new OwnFilter());
    const answer = await overloaded(app);
    expect([answer.status, await answer.json()]).toEqual([429, { own: true }]);
    await app.close();
  });
});
