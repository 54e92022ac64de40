import type { Provider } from '@nestjs/common';
import type { ModulesContainer } from '@nestjs/core';
import { CacheOptionsError, type OptionProblem } from '../cache.errors.js';
import type { OpenedWriteBehind } from './write-behind.port.js';
import { askedEntities, getWriteBehindToken } from './write-behind.tokens.js';

/** The app's `OpenedWriteBehind`; `undefined` without the feature. */
export const WRITE_BEHIND = Symbol('nestjs-strata.write-behind');

/** One provider for each entity that anybody in this process asks for, or that is configured. */
export function entityProviders(configured: readonly string[] = []): Extract<Provider, { provide: unknown }>[] {
  return [...new Set([...configured, ...askedEntities()])].map((name) => ({
    provide: getWriteBehindToken(name),
    inject: [{ token: WRITE_BEHIND, optional: true }],
    // Another app of this process may have asked for it: only this app's own requests are checked, see below.
    useFactory: (opened?: OpenedWriteBehind) => (opened && has(opened, name) ? opened.entity(name) : null),
  }));
}

/** Throws for entities that this app's providers ask for and that are not configured. */
export function checkEntities(modules: ModulesContainer, opened: OpenedWriteBehind | undefined): void {
  const problems: OptionProblem[] = [];
  const unknown = new Map([...askedEntities()].filter((name) => !(opened && has(opened, name))).map(byToken));
  if (unknown.size === 0) return;
  for (const module of modules.values()) {
    for (const { metatype, name } of [...module.providers.values(), ...module.controllers.values()]) {
      if (typeof metatype !== 'function') continue;
      for (const token of injected(metatype)) {
        const entity = unknown.get(token as string);
        if (entity !== undefined) problems.push(problem(entity, String(name), opened));
      }
    }
  }
  if (problems.length > 0) throw new CacheOptionsError(problems, '@InjectWriteBehind asks for what is not there');
}

function byToken(name: string): [string, string] {
  return [getWriteBehindToken(name), name];
}

/** What a class has injected by explicit tokens. */
function injected(type: Function): unknown[] {
  const parameters = (Reflect.getMetadata('self:paramtypes', type) ?? []) as { param: unknown }[];
  const properties = (Reflect.getMetadata('self:properties_metadata', type) ?? []) as { type: unknown }[];
  return [...parameters.map(({ param }) => param), ...properties.map(({ type: token }) => token)];
}

function problem(entity: string, where: string, opened: OpenedWriteBehind | undefined): OptionProblem {
  const option = `@InjectWriteBehind in ${where}`;
  if (!opened) {
    const remedy = 'Pass writeBehind: writeBehind({ client, entities }) to CacheModule.forRoot.';
    return { option, value: entity, remedy };
  }
  return { option, value: entity, remedy: 'Add it to entities of writeBehind(), by the name of its Prisma model.' };
}

function has(opened: OpenedWriteBehind, name: string): boolean {
  return opened.entities.includes(name);
}
