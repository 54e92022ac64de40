import { CacheOptionsError, type OptionProblem } from './cache.errors.js';
import { DURATION_REMEDY, type Duration, type Milliseconds, parseDuration } from './engine/duration.js';

/** Collects problems, so that all of them are reported together. */
export class Check {
  constructor(
    private readonly path: string,
    private readonly problems: OptionProblem[] = [],
  ) {}

  inside(name: string): Check {
    return new Check(`${this.path}${name}.`, this.problems);
  }

  fail(option: string, value: unknown, remedy: string): void {
    this.problems.push({ option: this.path + option, value, remedy });
  }

  known(options: object, names: readonly string[]): void {
    for (const [name, value] of Object.entries(options)) {
      if (names.includes(name)) continue;
      const meant = names.find((known) => nearly(known, name));
      const hint = meant === undefined ? '' : ` Did you mean ${meant}?`;
      this.fail(name, value, `There is no such option.${hint} Known: ${names.join(', ')}.`);
    }
  }

  time(option: string, value: Duration | undefined, fallback: Milliseconds, least: Milliseconds): Milliseconds {
    if (value === undefined) return fallback;
    const parsed = parseDuration(value);
    if (parsed !== undefined && parsed >= least) return parsed;
    const bound = least > 1 ? `It must be at least ${least} ms. ` : least > 0 ? 'It must be above 0. ' : '';
    this.fail(option, value, `${bound}${DURATION_REMEDY}`);
    return fallback;
  }

  end(where: string): void {
    if (this.problems.length > 0) throw new CacheOptionsError(this.problems, where);
  }
}

export function isRecord(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function isNumber(value: unknown): value is number {
  return typeof value === 'number';
}

export function isFunction(value: unknown): value is Function {
  return typeof value === 'function';
}

/** A slip of the keyboard: the same letters in another order or case, or one letter wrong, missing or too many. */
function nearly(known: string, written: string): boolean {
  const [a, b] = [known.toLowerCase(), written.toLowerCase()];
  if ([...a].sort().join() === [...b].sort().join()) return true;
  let same = 0;
  while (same < a.length && a[same] === b[same]) same++;
  const rest = (text: string, skipped: number): string => text.slice(same + skipped);
  return rest(a, 1) === rest(b, 0) || rest(a, 0) === rest(b, 1) || rest(a, 1) === rest(b, 1);
}
