/** Client errors that tell of trouble, not of what was asked for: Request Timeout, Too Many Requests. */
const TROUBLE = [408, 429];

/**
 * Whether an error says that the request is wrong, not that the source is: its status is 4xx, but not 408 or 429. Knows `HttpException`,
 * `RpcException` and GraphQL errors made from them (by their shape: the packages are optional), and every error with a
 * numeric `status` or `statusCode`.
 */
export function isClientError(error: unknown): boolean {
  const status = statusOf(error);
  return status !== undefined && status >= 400 && status < 500 && !TROUBLE.includes(status);
}

interface Shape {
  status?: unknown;
  statusCode?: unknown;
  getStatus?: unknown;
  getError?: unknown;
  extensions?: unknown;
  originalError?: unknown;
}

/** Codes of GraphQL servers for requests that are wrong. */
const CLIENT_CODES = /^(BAD_REQUEST|BAD_USER_INPUT|GRAPHQL_VALIDATION_FAILED|UNAUTHENTICATED|FORBIDDEN|NOT_FOUND)$/;

/** The status an error carries, if it does. */
export function statusOf(error: unknown, depth = 0): number | undefined {
  if (typeof error !== 'object' || error === null || depth > 3) return undefined;
  const shape = error as Shape;
  if (typeof shape.getStatus === 'function') return numeric((shape.getStatus as () => unknown).call(error));
  const own = numeric(shape.statusCode) ?? numeric(shape.status);
  if (own !== undefined) return own;
  if (typeof shape.getError === 'function') {
    return statusOf((shape.getError as () => unknown).call(error), depth + 1);
  }
  const original = statusOf(shape.originalError, depth + 1);
  return original ?? statusOfExtensions(shape.extensions, depth);
}

function statusOfExtensions(extensions: unknown, depth: number): number | undefined {
  if (typeof extensions !== 'object' || extensions === null) return undefined;
  const { code, http, originalError } = extensions as { code?: unknown; http?: unknown; originalError?: unknown };
  const inner =
    statusOf(extensions, depth + 1) ?? statusOf(http, depth + 1) ?? statusOf(originalError, depth + 1) ?? numeric(code);
  return inner ?? (typeof code === 'string' && CLIENT_CODES.test(code) ? 400 : undefined);
}

function numeric(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isInteger(value) && value >= 100 && value < 600 ? value : undefined;
}
