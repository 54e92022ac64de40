/** Columns for the terminal: the first to the left, the others to the right. @param {(string | number)[][]} rows the first is the head */
export function table(rows) {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => String(row[column]).length)));
  const line = (row) =>
    row.map((cell, i) => (i === 0 ? String(cell).padEnd(widths[i]) : String(cell).padStart(widths[i]))).join('  ');
  return [line(rows[0]), '-'.repeat(line(rows[0]).length), ...rows.slice(1).map(line)].join('\n');
}
