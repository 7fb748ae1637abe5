// A histogram of the server's /metrics: so many took at most so long.

export interface Bucket {
  readonly upToS: number;
  readonly count: number;
}

/** Over all its labels. */
export async function readHistogram(httpPort: number, name: string): Promise<Bucket[]> {
  const text = await (await fetch(`http://127.0.0.1:${httpPort}/metrics`)).text();
  const counts = new Map<number, number>();
  for (const [, le, n] of text.matchAll(new RegExp(`^${name}_bucket\\{[^}]*le="([^"]+)"[^}]*\\} (\\d+)`, 'gm'))) {
    const upToS = le === '+Inf' ? Number.POSITIVE_INFINITY : Number(le);
    counts.set(upToS, (counts.get(upToS) ?? 0) + Number(n));
  }
  return [...counts].sort(([a], [b]) => a - b).map(([upToS, count]) => ({ upToS, count }));
}

export function bucketsSince(before: readonly Bucket[], after: readonly Bucket[]): Bucket[] {
  return after.map(({ upToS, count }, i) => ({ upToS, count: count - (before[i]?.count ?? 0) }));
}

/** In seconds: the upper bound of the bucket in which it lies. */
export function quantile(buckets: readonly Bucket[], share: number): number {
  const all = buckets.at(-1)?.count ?? 0;
  return buckets.find(({ count }) => count >= share * all)?.upToS ?? Number.NaN;
}
