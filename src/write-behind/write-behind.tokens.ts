import { Inject } from '@nestjs/common';

const names = new Set<string>();

/** Injection token of an entity's `WriteBehind`. */
export function getWriteBehindToken(entity: string): string {
  names.add(entity);
  return `nestjs-strata.write-behind.${entity}`;
}

/** Injects the `WriteBehind` of an entity: `constructor(@InjectWriteBehind('Product') private products: WriteBehind<Product, number>)`. */
export function InjectWriteBehind(entity: string): PropertyDecorator & ParameterDecorator {
  return Inject(getWriteBehindToken(entity));
}

/**
 * All names that were asked for in this process. Options may come later than providers are declared (`forRootAsync`), so
 * each app declares one for every name; which of them it has is known when it starts.
 */
export function askedEntities(): Iterable<string> {
  return names;
}
