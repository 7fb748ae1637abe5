// The time that is looked at: now, as it goes on, or a moment of the past. The map and the timeline share it.
import { Watched } from '../watched.js';

export class Moment {
  /** Milliseconds since 1970; null is now. */
  readonly at = new Watched<number | null>(null);

  get isNow(): boolean {
    return this.at.value === null;
  }

  /** A moment of the future is now. */
  goTo(ms: number | null, nowMs: number): void {
    const at = ms === null || ms >= nowMs ? null : Math.round(ms);
    if (at !== this.at.value) this.at.set(at);
  }
}
