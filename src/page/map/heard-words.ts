// One line that says what the list beside the map is: of when, how much of it is shown, and why there may be nothing.
import { clock, count } from '../format.js';

export interface Listed {
  readonly shown: number;
  /** Before the filter. */
  readonly all: number;
  /** How long before the moment that is looked at, as `5 min`. */
  readonly window: string;
  /** The moment of the past, in milliseconds since 1970; null is now. */
  readonly pastMs: number | null;
  /** Since when nothing new comes; null while it does. */
  readonly brokenMs: number | null;
  readonly isReading: boolean;
  /** It could not be read. */
  readonly isUnknown: boolean;
  /** The server knows of none. */
  readonly hasNoKit: boolean;
}

export function heardWords(listed: Listed, nowMs: number): string {
  const { shown, all, window, pastMs, brokenMs, isReading, isUnknown, hasNoKit } = listed;
  if (isReading) return isUnknown ? 'Nobody knows what was heard.' : 'Reading what was heard…';
  if (all === 0 && isUnknown) return 'Nobody knows what was heard.';
  if (all === 0 && hasNoKit) return 'Nothing was heard: there is no kit yet. The list of kits says how one gets here.';
  const when = pastMs === null ? `in the last ${window}` : `in the ${window} before ${clock(pastMs, nowMs)}`;
  const asOf = pastMs === null && brokenMs !== null ? `, as of ${clock(brokenMs, nowMs)}` : '';
  if (all === 0) return `Nothing was heard ${when}${asOf}.`;
  const past = pastMs === null ? '' : ` ${when}`;
  if (shown === 0) return `${count(all)} heard${past}${asOf}; the filter hides all of them.`;
  if (shown < all) return `${count(shown)} of ${count(all)} heard${past}${asOf}; the filter hides the others`;
  return `${count(all)} heard${past}${asOf}`;
}
