import { describe, expect, it } from '@jest/globals';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { OverloadedModule, overloaded } from '../module/overload-app.js';

describe('a load for which there is no room', () => {
  it('is a 503 with Retry-After with Fastify, too', async () => {
    const app = await NestFactory.create(OverloadedModule, new FastifyAdapter(), { logger: false });
    const answer = await overloaded(app);
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '1']);
    expect(await answer.json()).toEqual({ statusCode: 503, message: 'Service Unavailable' });
    await app.close();
  });
});
