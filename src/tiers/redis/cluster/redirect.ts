import { CacheUnavailableError } from '../../../cache.errors.js';

/** What a node answers when it is not the one to be asked. */
export interface Redirect {
  /** `ask`: only this once, while the slot is on its way. */
  kind: 'moved' | 'ask';
  slot: number;
  /** As the cluster knows it; '' as host: that of the node that said it. */
  host: string;
  port: number;
}

/** What a failed command says about where it belongs; `undefined` if it failed for another reason. */
export function redirectOf(error: unknown): Redirect | undefined {
  const match = /^(MOVED|ASK) (\d+) (\S*):(\d+)$/.exec(reasonOf(error));
  if (!match) return undefined;
  const [, kind, slot, host = '', port] = match;
  return { kind: kind === 'MOVED' ? 'moved' : 'ask', slot: Number(slot), host, port: Number(port) };
}

/** Whether the cluster is not what we take it for, or is without a master for the slot. */
export function doubtsTheMap(error: unknown): boolean {
  return /^(MOVED|CLUSTERDOWN|READONLY)\b/.test(reasonOf(error));
}

/** Some keys of a slot that is on its way are here and some are there. */
export function isSplit(error: unknown): boolean {
  return reasonOf(error).startsWith('TRYAGAIN');
}

/** Whether the node answered that it will not. */
export function isRefusal(error: unknown): boolean {
  return error instanceof CacheUnavailableError && error.cause instanceof Error && error.cause.name === 'ReplyError';
}

function reasonOf(error: unknown): string {
  const cause = error instanceof CacheUnavailableError ? error.cause : error;
  return cause instanceof Error ? cause.message : '';
}
