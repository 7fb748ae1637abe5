// How many rows of each class are among some.

export function countByClass(rows: readonly { readonly class: number }[]): Map<number, number> {
  const counts = new Map<number, number>();
  for (const { class: c } of rows) counts.set(c, (counts.get(c) ?? 0) + 1);
  return counts;
}
