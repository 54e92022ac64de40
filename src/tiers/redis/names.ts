/** The names of one namespace in Redis. The letter after it says what stands there; no namespace contains such a letter as a part. */
export class RedisNames {
  constructor(private readonly namespace: string) {}

  entry(key: string): string {
    return `${this.namespace}:e:${escapeKey(key)}`;
  }

  marker(name: string): string {
    return `${this.namespace}:m:${escapeKey(name)}`;
  }

  /** Where changes are published. No namespace has a `!`. */
  get channel(): string {
    return `${this.namespace}:!bus`;
  }

  /** What a process says to itself. The caches of an app have it in common: their namespaces begin with that of the default one. */
  echo(process: string): string {
    return `${this.namespace.split('/')[0]}:!echo:${process}`;
  }

  /** `n` counters, `l` leases, `r` rate limits. */
  atomic(kind: 'n' | 'l' | 'r', key: string): string {
    return `${this.namespace}:${kind}:${escapeKey(key)}`;
  }

  /**
   * For `SCAN MATCH`: the pattern's own `*` works, all else stands for itself. `?` becomes `*`, because here a character
   * may be several bytes: what is found has to be compared again.
   */
  entryPattern(pattern: string, before: string): string {
    const quote = (text: string): string => text.replace(/[[\]\\^*?]/g, '\\$&');
    const parts = pattern.split(/[*?]+/).map((part) => quote(escapeKey(part)));
    return quote(before) + quote(`${this.namespace}:e:`) + parts.join('*');
  }

  /** Whether a name of the server is that of an entry or of a marker here. */
  isEntry(name: string, before: string): boolean {
    return name.startsWith(`${before}${this.namespace}:e:`);
  }

  isMarker(name: string, before: string): boolean {
    return name.startsWith(`${before}${this.namespace}:m:`);
  }

  /** The key of an entry's name, or the name of a marker, as the server gave it. */
  keyOf(name: string, before: string): string {
    return unescapeKey(name.slice(before.length + this.namespace.length + 3));
  }
}

const special = /[%{}]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/;
const specialAll = new RegExp(special, 'g');

/**
 * Braces would choose the slot in a cluster, and lone surrogates have no UTF-8 form (all would become the same key): both
 * are escaped, and `%` with them, so that two keys never share a name.
 */
function escapeKey(key: string): string {
  return special.test(key)
    ? key.replace(specialAll, (char) => {
        const code = char.charCodeAt(0);
        return code > 0xff ? `%u${code.toString(16)}` : `%${code.toString(16)}`;
      })
    : key;
}

function unescapeKey(name: string): string {
  return name.replace(/%(?:u([0-9a-f]{4})|([0-9a-f]{2}))/g, (_all, wide: string | undefined, narrow: string) =>
    String.fromCharCode(Number.parseInt(wide ?? narrow, 16)),
  );
}
