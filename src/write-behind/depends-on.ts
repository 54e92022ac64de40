import type { Check } from '../cache.check.js';

/** Of each entity the names of those that are written before it. Reports what is wrong with them. */
export function resolveDependsOn(
  check: Check,
  entities: ReadonlyMap<string, { dependsOn?: unknown }>,
): Map<string, readonly string[]> {
  const resolved = new Map<string, readonly string[]>();
  for (const [name, { dependsOn }] of entities) resolved.set(name, namesOf(check, name, dependsOn, entities));
  for (const cycle of cyclesOf(resolved)) {
    check.fail(
      `entities.${cycle[0]}.dependsOn`,
      cycle.join(' -> '),
      'Rows cannot wait for each other: leave out one of these. Rows that come before the row they refer to are tried again, for constraintRetry.',
    );
  }
  return resolved;
}

function namesOf(
  check: Check,
  name: string,
  value: unknown,
  entities: ReadonlyMap<string, unknown>,
): readonly string[] {
  if (value === undefined) return [];
  const option = `entities.${name}.dependsOn`;
  if (!Array.isArray(value) || !value.every((one) => typeof one === 'string')) {
    check.fail(option, value, "Pass an array of names of entities: dependsOn: ['Customer'].");
    return [];
  }
  const unknown = value.filter((one) => !entities.has(one));
  if (unknown.length > 0) {
    const known = [...entities.keys()].join(', ');
    check.fail(
      option,
      unknown.join(', '),
      `There is no such entity, only ${known}: add it to entities, or leave it out.`,
    );
  }
  return [...new Set(value.filter((one) => entities.has(one)))];
}

/** Each by the names on its way, the first one again at the end. */
function cyclesOf(dependsOn: ReadonlyMap<string, readonly string[]>): string[][] {
  const cycles: string[][] = [];
  const done = new Set<string>();
  const visit = (name: string, way: readonly string[]): void => {
    const at = way.indexOf(name);
    if (at >= 0) cycles.push([...way.slice(at), name]);
    if (at >= 0 || done.has(name)) return;
    for (const parent of dependsOn.get(name) ?? []) visit(parent, [...way, name]);
    done.add(name);
  };
  for (const name of dependsOn.keys()) visit(name, []);
  return cycles;
}
