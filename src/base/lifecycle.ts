// Starts parts in order, stops them in the opposite one, and turns SIGTERM and SIGINT into that stop.
import { toError } from './errors.js';
import type { Logger } from './log.js';

export interface Part {
  readonly name: string;
  start(): Promise<void> | void;
  stop(): Promise<void> | void;
}

/**
 * Runs until a signal comes or `signal` aborts; every part that was started is stopped, also when a later one fails
 * to start or an earlier stop throws.
 */
export async function runParts(parts: readonly Part[], log: Logger, signal: AbortSignal): Promise<void> {
  const started: Part[] = [];
  try {
    for (const part of parts) {
      if (signal.aborted) break;
      started.push(part);
      await part.start();
    }
    await aborted(signal);
  } finally {
    for (const part of started.reverse()) {
      try {
        await part.stop();
      } catch (thrown: unknown) {
        log.error({ part: part.name }, `stopping: ${toError(thrown).message}`);
      }
    }
  }
}

/** Aborts at the first SIGTERM or SIGINT; a second one ends the process at once, as an impatient user expects. */
export function stopSignal(log: Logger): AbortSignal {
  const controller = new AbortController();
  for (const name of ['SIGTERM', 'SIGINT'] as const) {
    process.once(name, () => {
      log.info({ signal: name }, 'stopping');
      controller.abort();
    });
  }
  return controller.signal;
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
