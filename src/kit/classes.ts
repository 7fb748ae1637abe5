// The kinds as the spool's integer classes. The numbers are in every spool file: never change one.
import { KINDS, type Kind } from '../schema/kinds.js';

const CLASS_OF: Record<Kind, number> = { drone: 0, aircraft: 1, signal: 2, system: 3 };

/** In the order in which a full spool gives them up: an aircraft is heard again in a moment, a drone may not be. */
export const EVICTION_ORDER: readonly number[] = (['aircraft', 'system', 'signal', 'drone'] as const).map(classOf);

export function classOf(kind: Kind): number {
  return CLASS_OF[kind];
}

export function kindOf(rowClass: number): Kind {
  const kind = KINDS.find((k) => CLASS_OF[k] === rowClass);
  if (kind === undefined) throw new RangeError(`no kind has class ${rowClass}`);
  return kind;
}
