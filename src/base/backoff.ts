// Waiting between tries: decorrelated jitter, so that a hundred kits do not come back in the same second.
import { setTimeout as delay } from 'node:timers/promises';

export interface BackoffOptions {
  readonly minMs: number;
  readonly maxMs: number;
  /** 0..1; a test passes its own. */
  readonly random?: () => number;
}

export class Backoff {
  private previousMs = 0;

  constructor(private readonly options: BackoffOptions) {}

  /** The next wait in milliseconds: between min and twice the last one, never above max. */
  next(): number {
    const { minMs, maxMs, random = Math.random } = this.options;
    const ceilingMs = Math.max(minMs, this.previousMs * 2);
    this.previousMs = Math.min(maxMs, minMs + random() * (ceilingMs - minMs));
    return this.previousMs;
  }

  /** Start from the longest wait, for when the other side told us to stay away. */
  saturate(): void {
    this.previousMs = this.options.maxMs;
  }

  reset(): void {
    this.previousMs = 0;
  }
}

/** Resolves after `ms`, or at once when the signal aborts; never rejects. */
export async function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  try {
    await delay(ms, undefined, signal === undefined ? {} : { signal });
  } catch {
    // Only an abort rejects here, and the caller looks at its signal next.
  }
}
