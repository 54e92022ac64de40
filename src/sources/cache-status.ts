import type { Outcome } from './call-scope.js';
import { statusOf } from './client-error.js';

/** A response of Express or Fastify, as far as this goes. */
export interface ResponseLike {
  setHeader?(name: string, value: string): unknown;
  header?(name: string, value: string): unknown;
  getHeader?(name: string): unknown;
  headersSent?: boolean;
  sent?: boolean;
}

export function isSent(response: ResponseLike): boolean {
  return response.headersSent === true || response.sent === true;
}

/**
 * The member of `Cache-Status` (RFC 9211) for a handler's call. `fwd`: it went to the sources, because nothing was kept (`miss`) or what
 * was kept could not be used before they had failed (`stale`). `fwd-status`: of the primary's error. `detail`: who answered.
 */
export function cacheStatus(outcome: Outcome): string {
  if (outcome.path === 'source') {
    const { source, failures } = outcome.answer;
    return member('miss', failures[0]?.error, source);
  }
  return member(outcome.path === 'stale' ? 'stale' : 'miss', outcome.error, outcome.path);
}

/** Adds to what caches behind this one have said. */
export function addHeader(response: ResponseLike, value: string): void {
  if (isSent(response)) return;
  const before = response.getHeader?.('cache-status');
  const list = Array.isArray(before) ? before.join(', ') : before;
  const all = typeof list === 'string' && list !== '' ? `${list}, ${value}` : value;
  if (response.setHeader) response.setHeader('cache-status', all);
  else response.header?.('cache-status', all);
}

function member(forwarded: 'miss' | 'stale', error: unknown, detail: string): string {
  const status = statusOf(error);
  return [
    'nestjs-strata',
    `fwd=${forwarded}`,
    ...(status ? [`fwd-status=${status}`] : []),
    `detail=${item(detail)}`,
  ].join('; ');
}

/** A token of structured fields (RFC 8941), or a string of printable ASCII. */
function item(text: string): string {
  if (/^[A-Za-z*][\w!#$%&'*+.^`|~:/-]*$/.test(text)) return text;
  return `"${text.replace(/[^\x20-\x7e]/g, '?').replace(/["\\]/g, '\\$&')}"`;
}
