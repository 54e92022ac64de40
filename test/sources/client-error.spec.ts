import { describe, expect, it } from '@jest/globals';
import { BadRequestException, HttpException, NotFoundException, ServiceUnavailableException } from '@nestjs/common';
import { RpcException } from '@nestjs/microservices';
import { GraphQLError } from 'graphql';
import { isClientError } from '../../src/index.js';

describe('an error says that the request is wrong', () => {
  it.each([
    ['HttpException 404', new NotFoundException()],
    ['HttpException 400', new BadRequestException('no')],
    ['HttpException 418', new HttpException('a teapot', 418)],
    ['RpcException with a status', new RpcException({ status: 404, message: 'no such film' })],
    ['RpcException with a statusCode', new RpcException({ statusCode: 422 })],
    ['RpcException made from an HttpException', new RpcException(new NotFoundException())],
    ['GraphQLError made from an HttpException', new GraphQLError('no', { originalError: new NotFoundException() })],
    ['GraphQLError with the status of Apollo', new GraphQLError('no', { extensions: { http: { status: 401 } } })],
    ['GraphQLError with a code', new GraphQLError('no', { extensions: { code: 'BAD_USER_INPUT' } })],
    ['GraphQLError as Nest formats it', new GraphQLError('no', { extensions: { originalError: { statusCode: 403 } } })],
    ['error with a statusCode', Object.assign(new Error('no'), { statusCode: 415 })],
  ])('%s', (_name, error) => expect(isClientError(error)).toBe(true));
});

describe('an error does not say that', () => {
  it.each([
    ['Error', new Error('down')],
    ['HttpException 503', new ServiceUnavailableException()],
    ['HttpException 429, which tells of trouble', new HttpException('slower', 429)],
    ['RpcException with a text', new RpcException('down')],
    ['RpcException with a server status', new RpcException({ status: 500 })],
    ['GraphQLError', new GraphQLError('down')],
    ['GraphQLError made from an Error', new GraphQLError('down', { originalError: new Error('down') })],
    ['error with the code of a database', Object.assign(new Error('down'), { code: '42P01', status: 'ok' })],
    ['text', '404'],
    ['nothing', undefined],
  ])('%s', (_name, error) => expect(isClientError(error)).toBe(false));

  it('an error that is its own original', () => {
    const error: Error & { originalError?: unknown } = new Error('loop');
    error.originalError = error;
    expect(isClientError(error)).toBe(false);
  });
});
