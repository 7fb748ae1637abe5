// Connects, uses, and connects again, for ever: an outage is two lines in the log, whatever it lasts.
import type { Backoff } from './backoff.js';
import { sleep } from './backoff.js';
import { type AppError, errorCode, toError } from './errors.js';
import type { Logger } from './log.js';
import type { MqttLink } from './mqtt-link.js';

/** A link that held this long was a good one: the next try after it starts from the shortest wait. */
const HEALTHY_MS = 60_000;

export interface KeepLinkedOptions {
  readonly open: () => Promise<MqttLink>;
  /** Returns (or throws) when it is done with this connection; the link is closed afterwards. */
  readonly use: (link: MqttLink) => Promise<void>;
  readonly backoff: Backoff;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

export async function keepLinked({ open, use, backoff, log, signal }: KeepLinkedOptions): Promise<void> {
  let lastProblem = '';
  while (!signal.aborted) {
    let openedAt = Number.POSITIVE_INFINITY;
    try {
      const link = await open();
      openedAt = performance.now();
      log.info({ sessionPresent: link.sessionPresent }, 'connected to the broker');
      lastProblem = '';
      try {
        await use(link);
      } finally {
        await link.end();
      }
      if (signal.aborted) return;
      throw await link.closed;
    } catch (thrown: unknown) {
      if (signal.aborted) return;
      if (performance.now() - openedAt > HEALTHY_MS) backoff.reset();
      const error = toError(thrown) as Partial<AppError> & Error;
      if (errorCode(error) === 'taken-over') backoff.saturate();
      const problem = `${errorCode(error)} ${error.message}`;
      // The same problem again is no news: said once, until something changes.
      const level = problem === lastProblem ? 'debug' : 'warn';
      lastProblem = problem;
      log[level]({ code: errorCode(error), hint: error.hint }, `broker: ${error.message}; trying again`);
      await sleep(backoff.next(), signal);
    }
  }
}
