/** A test for keys: `*` stands for any text, `?` for one character, all else for itself. */
export function compilePattern(pattern: string): (key: string) => boolean {
  // Not a regular expression: one with many stars takes time that is exponential in their number.
  return (key) => matches(pattern, key);
}

/** Tries the shortest text for each star; when that leads nowhere, one character more for the last one. */
function matches(pattern: string, text: string): boolean {
  let star = -1;
  let resume = 0;
  let p = 0;
  for (let t = 0; t < text.length; ) {
    const wanted = pattern[p];
    if (wanted === '*') {
      star = p++;
      resume = t;
    } else if (wanted === '?') {
      p++;
      t += (text.codePointAt(t) as number) > 0xffff ? 2 : 1;
    } else if (wanted !== undefined && wanted === text[t]) {
      p++;
      t++;
    } else if (star >= 0) {
      p = star + 1;
      t = ++resume;
    } else {
      return false;
    }
  }
  while (pattern[p] === '*') p++;
  return p === pattern.length;
}

/** The pattern of all keys that begin with this text. A `*` or `?` in it would match more than itself: too much, never too little. */
export function prefixPattern(prefix: string): string {
  return `${prefix}*`;
}
