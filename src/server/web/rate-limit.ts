// How often who may try: so many at once, then one after another.
import { HttpError } from './http-error.js';

export interface Allowance {
  readonly burst: number;
  /** Until one more is allowed. */
  readonly everyMs: number;
}

/** Addresses are many: who is not known any more begins anew. */
const MAX_KNOWN = 10_000;

export class RateLimit {
  /** When each would have its whole burst again. */
  private readonly fullAtMs = new Map<string, number>();

  constructor(private readonly allowance: Allowance) {}

  /** It has done nothing that counts, or long ago. */
  isNew(who: string): boolean {
    return (this.fullAtMs.get(who) ?? 0) <= performance.now();
  }

  /** @throws HttpError `rate`, with when to come again. */
  spend(who: string): void {
    const { burst, everyMs } = this.allowance;
    const nowMs = performance.now();
    const fullAtMs = Math.max(this.fullAtMs.get(who) ?? nowMs, nowMs) + everyMs;
    const waitMs = fullAtMs - nowMs - burst * everyMs;
    if (waitMs > 0) {
      const seconds = Math.ceil(waitMs / 1_000);
      throw new HttpError('rate', `too often: again in ${seconds} s`, undefined, { 'retry-after': String(seconds) });
    }
    this.fullAtMs.delete(who);
    this.fullAtMs.set(who, fullAtMs);
    if (this.fullAtMs.size <= MAX_KNOWN) return;
    const [first = ''] = this.fullAtMs.keys();
    this.fullAtMs.delete(first);
  }

  /** One that was spent does not count after all. */
  refund(who: string): void {
    const fullAtMs = this.fullAtMs.get(who);
    if (fullAtMs !== undefined) this.fullAtMs.set(who, fullAtMs - this.allowance.everyMs);
  }
}
