/**
 * Two columns with a rule below the head; figures to the right.
 * @param {string} head
 * @param {[string, string | number][]} rows
 */
export function table(head, rows) {
  const cells = rows.map(([name, value]) => [name, typeof value === 'number' ? whole(value) : value]);
  const left = Math.max(head.length, ...cells.map(([name]) => name.length));
  const right = Math.max(...cells.map(([, value]) => value.length));
  const lines = cells.map(([name, value]) => `${name.padEnd(left)}  ${value.padStart(right)}`);
  return [head, '-'.repeat(left + 2 + right), ...lines].join('\n');
}

/** @param {number} value */
export const whole = (value) => Math.round(value).toLocaleString('en-US');
