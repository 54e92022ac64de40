/** A test for keys: `*` stands for any text, `?` for one character, all else for itself. */
export function compilePattern(pattern: string): (key: string) => boolean {
  const source = pattern
    .replace(/[$()+.[\\\]^{|}]/g, '\\$&')
    .replace(/\*+/g, '[^]*')
    .replace(/\?/g, '[^]');
  const expression = new RegExp(`^${source}$`);
  return (key) => expression.test(key);
}

/** The pattern of all keys that begin with this text. A `*` or `?` in it would match more than itself: too much, never too little. */
export function prefixPattern(prefix: string): string {
  return `${prefix}*`;
}
