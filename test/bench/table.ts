// Tables as the README has them.

/** A row for each; their keys are the heading. */
export function markdown(rows: readonly object[]): string {
  const names = Object.keys(rows[0] ?? {});
  const lines = rows.map((row) => `| ${Object.values(row).join(' | ')} |`);
  return [`| ${names.join(' | ')} |`, `|${names.map(() => '---|').join('')}`, ...lines, ''].join('\n');
}
