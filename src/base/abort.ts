// Waiting for something, but not beyond an abort or a time.
import { sleep } from './backoff.js';

/** What `promise` gives, or null as soon as the signal aborts. No listener stays behind on a signal that outlives it. */
export async function beforeAbort<T>(promise: Promise<T>, signal: AbortSignal): Promise<T | null> {
  if (signal.aborted) return null;
  let leave = (): void => {};
  const aborted = new Promise<null>((resolve) => {
    leave = () => resolve(null);
  });
  signal.addEventListener('abort', leave);
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', leave);
  }
}

/** Waits for `promise`, but at most so long; what it gives or throws afterwards nobody hears. */
export async function within(ms: number, promise: Promise<unknown>): Promise<void> {
  const done = new AbortController();
  try {
    await Promise.race([promise.catch(() => {}), sleep(ms, done.signal)]);
  } finally {
    done.abort();
  }
}
