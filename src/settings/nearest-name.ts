// The known name that a mistyped one most likely meant.

/** How many letters may be wrong; names share long beginnings, so more would suggest anything for anything. */
const MAX_DISTANCE = 3;

export function nearestName(name: string, known: Iterable<string>, maxDistance = MAX_DISTANCE): string | null {
  let best: string | null = null;
  let least = Math.min(maxDistance, Math.floor(name.length / 2)) + 1;
  for (const candidate of known) {
    if (Math.abs(candidate.length - name.length) >= least) continue;
    const distance = levenshtein(name, candidate);
    if (distance < least) {
      least = distance;
      best = candidate;
    }
  }
  return best;
}

/** How many letters have to be put in, left out or replaced to make `b` of `a`. */
export function levenshtein(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const replaced = (previous[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      row.push(Math.min(replaced, (previous[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1));
    }
    previous = row;
  }
  return previous[b.length] ?? 0;
}
