import type { InjectionToken } from '@nestjs/common';
import { Check, isFunction, isRecord } from '../cache.check.js';
import type { OptionProblem } from '../cache.errors.js';
import type { HandlerRequest } from './call-scope.js';
import { SOURCE_OPTIONS, type SourceOptions } from './source.options.js';

/** A provider that stands in: its method gets the arguments of the call. */
export interface BackupProvider extends SourceOptions {
  /** Its injection token. The provider may be of any module of the app. */
  provider: InjectionToken;
  /** Which of its methods. Default: the one with the name of the decorated method. */
  method?: string | symbol;
  /** What it is called where sources are told. Default: its token. */
  name?: string;
}

/** A function that stands in, for answers that need no provider: a constant, an empty list. */
export interface BackupFunction<Args extends readonly unknown[] = readonly unknown[], Result = unknown>
  extends SourceOptions {
  use: (...args: Args) => Result | Promise<Result>;
  /** What it is called where sources are told. Default: the name of the function, else `'default'`. */
  name?: string;
}

/** A backup: the injection token of a provider, or more than that. */
export type BackupOption<Args extends readonly unknown[] = readonly unknown[], Result = unknown> =
  | InjectionToken
  | BackupProvider
  | BackupFunction<Args, Result>;

/** Providers of an app by token. */
export interface ProviderFinder {
  /** `undefined`: there is none. `static`: one instance for the app. */
  scopeOf(token: InjectionToken): 'static' | 'transient' | 'request' | undefined;
  get(token: InjectionToken): unknown;
  /** The instance of a request; without one, a new instance. */
  resolve(token: InjectionToken, request: RequestOfCall | undefined): Promise<unknown>;
}

/** One call of the decorated method. */
export interface BackedCall {
  args: unknown[];
  request: RequestOfCall | undefined;
}

/** For providers that live as long as the request. */
export type RequestOfCall = Pick<HandlerRequest, 'injected' | 'contextId'>;

/** A backup made ready for a method. */
export interface Backup {
  name: string;
  options: SourceOptions;
  ask(call: BackedCall): unknown;
}

/** Where a backup stands. */
export interface BackupSite {
  method: string | symbol;
  /** There is a request whose providers can be asked for. */
  handler: boolean;
  /** Leaves out providers that have no such method: the decorator stands on a class. */
  lenient: boolean;
}

type Callable = Record<string | symbol, ((...args: unknown[]) => unknown) | undefined>;

/** Checks what `to` says and finds the providers. */
export function findBackups(
  to: unknown,
  finder: ProviderFinder,
  site: BackupSite,
  problems: OptionProblem[],
): Backup[] {
  if (!Array.isArray(to) || to.length === 0) {
    const remedy =
      'Pass an array: the injection token of a provider, { provider, method }, or { use: (...args) => ... }.';
    problems.push({ option: 'to', value: to, remedy });
    return [];
  }
  const backups = (to as readonly unknown[]).map((option, index) => {
    return findBackup(option, finder, site, new Check(`to[${index}].`, problems));
  });
  return unique(backups.filter((backup) => backup !== undefined));
}

function findBackup(option: unknown, finder: ProviderFinder, site: BackupSite, check: Check): Backup | undefined {
  if (isFunctionBackup(option)) {
    check.known(option, [...SOURCE_OPTIONS, 'use', 'name']);
    const { use, name = use.name, ...options } = option;
    const plain = name === '' || name === 'use' ? 'default' : name;
    return { name: plain, options, ask: ({ args }) => use(...args) };
  }
  const given: BackupProvider = isProviderBackup(option) ? option : { provider: option as InjectionToken };
  if (isRecord(option)) check.known(option, [...SOURCE_OPTIONS, 'provider', 'method', 'name']);
  const { provider: token, method = site.method, name = nameOf(token), ...options } = given;
  const scope = isToken(token) ? finder.scopeOf(token) : undefined;
  if (scope === undefined) {
    const remedy =
      'There is no such provider in this app. Add it to the providers of a module ({ provide: BACKUP, useClass: ... }), or correct the token.';
    check.fail('provider', nameOf(token), remedy);
    return undefined;
  }
  if (scope === 'request' && !site.handler) {
    const remedy =
      'It lives as long as a request, which a service method does not know: give it the default scope, or use @UseFallback on the handler.';
    check.fail('provider', name, remedy);
    return undefined;
  }
  const pick = (instance: unknown): ((args: unknown[]) => unknown) | undefined => {
    const found = (instance as Callable | null)?.[method];
    return typeof found === 'function' ? (args) => Reflect.apply(found, instance, args) : undefined;
  };
  if (scope === 'static') {
    if (!pick(finder.get(token))) {
      if (!site.lenient) {
        check.fail('method', String(method), `${name} has no such method: add it, or name another one with method.`);
      }
      return undefined;
    }
    return { name, options, ask: ({ args }) => pick(finder.get(token))?.(args) };
  }
  const ask = async ({ args, request }: BackedCall): Promise<unknown> => {
    const found = pick(await finder.resolve(token, request));
    if (!found) throw new TypeError(`The backup ${name} has no method ${String(method)}`);
    return found(args);
  };
  return { name, options, ask };
}

function isFunctionBackup(option: unknown): option is BackupFunction<unknown[]> {
  return isRecord(option) && isFunction((option as { use?: unknown }).use);
}

function isProviderBackup(option: unknown): option is BackupProvider {
  return isRecord(option) && 'provider' in option;
}

function isToken(token: unknown): token is InjectionToken {
  return isFunction(token) || typeof token === 'string' || typeof token === 'symbol';
}

function nameOf(token: unknown): string {
  if (typeof token === 'symbol') return token.description || 'backup';
  if (isFunction(token)) return token.name || 'backup';
  return typeof token === 'string' && token !== '' ? token : String(token);
}

/** Two methods of one provider may both be backups. */
function unique(backups: Backup[]): Backup[] {
  const seen = new Map<string, number>();
  return backups.map((backup) => {
    const times = (seen.get(backup.name) ?? 0) + 1;
    seen.set(backup.name, times);
    return times === 1 ? backup : { ...backup, name: `${backup.name}#${times}` };
  });
}
