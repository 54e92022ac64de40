import { describe, expect, it } from '@jest/globals';
import { CacheOptionsError } from '../../src/index.js';
import { readMessage } from '../../src/invalidation/postgres/message.js';
import {
  type InvalidationTriggerOptions,
  invalidationTriggerSql,
  type PostgresEventsOptions,
  postgresEvents,
} from '../../src/postgres.js';

describe('wrong options of postgresEvents', () => {
  it.each<[Record<string, unknown>, string]>([
    [{}, 'connectionString'],
    [{ connectionString: 'postgres://a', client: () => undefined }, 'connectionString'],
    [{ connectionString: 7 }, 'connectionString'],
    [{ client: {} }, 'client'],
    [{ channel: '' }, 'channel'],
    [{ channel: 'x'.repeat(64) }, 'channel'],
    [{ events: 'products.*' }, 'events'],
    [{ events: ['prod*'] }, 'events'],
    [{ events: [] }, 'events'],
    [{ missedAtStart: 'no' }, 'missedAtStart'],
    [{ heartbeat: 0 }, 'heartbeat'],
    [{ chanel: 'x' }, 'chanel'],
  ])('%p are reported under %s', (given, option) => {
    const valid = 'connectionString' in given || 'client' in given || Object.keys(given).length === 0;
    const options = valid ? given : { connectionString: 'postgres://a', ...given };
    const problems = postgresEvents(options as PostgresEventsOptions).problems ?? [];
    expect(problems.map((problem) => problem.option)).toEqual([option]);
  });

  it('are all reported, and never with the password', () => {
    const options = { connectionString: 'postgres://u:secret@h', client: 7, channel: 7, heartbeat: 'soon' };
    const { problems = [] } = postgresEvents(options as unknown as PostgresEventsOptions);
    expect(problems.map(({ option }) => option)).toEqual(['connectionString', 'channel', 'heartbeat']);
    expect(new CacheOptionsError(problems).message).not.toContain('secret');
  });
});

describe('invalidationTriggerSql', () => {
  it.each<[Record<string, unknown>, string]>([
    [{ table: '' }, 'table'],
    [{ table: 'a', schema: 'x$strata$' }, 'schema'],
    [{ table: 'a', id: [] }, 'id'],
    [{ table: 'a', id: ['a', 7] }, 'id'],
    [{ table: 'a', columns: 'b' }, 'columns'],
    [{ table: 'a', columns: ['\0'] }, 'columns'],
    [{ table: 'a', event: 'a.*' }, 'event'],
    [{ table: 'a', channel: '' }, 'channel'],
    [{ table: 'a', column: ['b'] }, 'column'],
  ])('refuses %p because of %s', (options, option) => {
    const make = () => invalidationTriggerSql(options as unknown as InvalidationTriggerOptions);
    expect(make).toThrow(CacheOptionsError);
    expect(make).toThrow(`- ${option}:`);
  });

  it('shortens names that Postgres would cut, so that two tables never share a function', () => {
    const names = ['a', 'b'].map((end) => {
      const sql = invalidationTriggerSql({ table: 'x'.repeat(62) + end, channel: 'y'.repeat(63) });
      return /CREATE OR REPLACE FUNCTION "(.*)"\(\)/.exec(sql)?.[1] ?? '';
    });
    expect(new Set(names).size).toBe(2);
    expect(names.every((name) => name.length === 63)).toBe(true);
  });
});

describe('a notification that is none of ours', () => {
  it.each([
    undefined,
    '',
    'hello',
    '7',
    '[]',
    'null',
    '{}',
    '{"event":7}',
    '{"strata":2,"event":"a","op":"update"}',
    '{"strata":1,"event":"a","op":"update"}',
    '{"strata":1,"event":"a","op":"merge","schema":"s","table":"t","id":[],"columns":[]}',
    '{"strata":1,"event":"a","op":"update","schema":"s","table":"t","id":["id"],"columns":[],"rows":[7]}',
    '{"strata":1,"event":"a","op":"update","schema":"s","table":"t","id":["id"],"columns":[],"ids":[7]}',
  ])('is unreadable: %p', (text) => {
    expect(readMessage(text)).toEqual({ kind: 'unreadable' });
  });
});
