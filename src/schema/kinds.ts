// The four kinds of history: what is spooled, published, stored and accounted for, each in a stream of its own.

export const KINDS = ['drone', 'aircraft', 'signal', 'system'] as const;
export type Kind = (typeof KINDS)[number];

/** One value per kind. */
export function perKind<T>(make: (kind: Kind) => T): Record<Kind, T> {
  return { drone: make('drone'), aircraft: make('aircraft'), signal: make('signal'), system: make('system') };
}
