// Starts parts in order, stops them in the opposite one, turns SIGTERM and SIGINT into that stop, and keeps the service
// manager told.
import { toError } from './errors.js';
import type { Logger } from './log.js';
import { type ServiceManager, serviceManager } from './service-manager.js';
import { Watchdog, type Watched } from './watchdog.js';

export interface Part extends Watched {
  readonly name: string;
  start(): Promise<void> | void;
  stop(): Promise<void> | void;
}

/**
 * Runs until a signal comes or `signal` aborts; every part that was started is stopped, also when a later one fails
 * to start or an earlier stop throws.
 */
export async function runParts(
  parts: readonly Part[],
  log: Logger,
  signal: AbortSignal,
  manager: ServiceManager | null = serviceManager(),
): Promise<void> {
  const started: Part[] = [];
  const watchdog = manager && new Watchdog(manager, started, log);
  const tell = async (line: string): Promise<void> => {
    try {
      await manager?.tell(line);
    } catch (thrown: unknown) {
      log.error(`the service manager could not be told ${line}: ${toError(thrown).message}`);
    }
  };
  try {
    for (const part of parts) {
      if (signal.aborted) break;
      started.push(part);
      await part.start();
    }
    if (!signal.aborted) await tell('READY=1');
    watchdog?.start();
    await aborted(signal);
  } finally {
    watchdog?.stop();
    await tell('STOPPING=1');
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
