// What Redis answers: a number, a text (bytes as latin1), null, a list of these, or one of the two below.

/** `+OK` */
export class Status {
  /** @param {string} text */
  constructor(text) {
    this.text = text;
  }
}

export const OK = new Status('OK');

/** An error as an answer, not thrown: a script may look at it. */
export class ErrorReply {
  /** @param {string} message */
  constructor(message) {
    this.message = message;
  }
}

/** @typedef {number | string | null | Status | ErrorReply | Reply[]} Reply */

/** What a client gets as an error. */
export class ReplyError extends Error {
  name = 'ReplyError';
}

/** @param {Reply} reply @param {boolean} asBuffers @returns {any} as ioredis hands it out */
export function toClient(reply, asBuffers) {
  if (typeof reply === 'string') return asBuffers ? Buffer.from(reply, 'latin1') : fromBytes(reply);
  if (reply instanceof Status) return asBuffers ? Buffer.from(reply.text, 'latin1') : reply.text;
  if (reply instanceof ErrorReply) return new ReplyError(reply.message);
  return Array.isArray(reply) ? reply.map((part) => toClient(part, asBuffers)) : reply;
}

/** @param {string | number | Buffer} arg @returns {string} its bytes as latin1 */
export function toBytes(arg) {
  if (typeof arg === 'number') return String(arg);
  if (typeof arg !== 'string') return arg.latin1Slice(0, arg.length);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the characters that are one byte in UTF-8
  return /^[\x00-\x7f]*$/.test(arg) ? arg : Buffer.from(arg, 'utf8').latin1Slice();
}

/** @param {string} bytes */
export const fromBytes = (bytes) => Buffer.from(bytes, 'latin1').toString('utf8');
