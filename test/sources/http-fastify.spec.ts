import { describe } from '@jest/globals';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { fallbackOverHttp } from './http-behaviour.js';

describe('@UseFallback over HTTP, with Fastify', () => fallbackOverHttp(() => new FastifyAdapter()));
