// Connects, uses, and connects again, for ever: an outage is two lines in the log, whatever it lasts.
import { beforeAbort } from './abort.js';
import type { Backoff } from './backoff.js';
import { sleep } from './backoff.js';
import { type AppError, errorCode, toError } from './errors.js';
import type { Logger } from './log.js';
import { Pulse } from './pulse.js';

/** A link that held this long was a good one: the next try after it starts from the shortest wait. */
const HEALTHY_MS = 60_000;
/** A broker does not always say that another client took our place: it closes, as soon as the other is back. */
const EARLY_MS = 15_000;
const EARLY_CLOSES_BEFORE_HINT = 3;
/** To connect, and to let go of a connection that has closed, takes seconds; each is bounded where it is done. */
const STEP_MS = 120_000;

/** What is kept: a link of mqtt-link.ts. */
export interface Connection {
  readonly sessionPresent: boolean;
  readonly closed: Promise<Error>;
  end(): Promise<void>;
}

export interface KeepLinkedOptions<Link extends Connection> {
  readonly open: () => Promise<Link>;
  /** Returns (or throws) when it is done with this connection; the link is closed afterwards. */
  readonly use: (link: Link) => Promise<void>;
  readonly backoff: Backoff;
  readonly log: Logger;
  readonly signal: AbortSignal;
  /** Late when it neither holds a connection nor tries for one. */
  readonly pulse?: Pulse;
  /** Milliseconds of a monotonic clock; a test passes its own. */
  readonly now?: () => number;
}

export async function keepLinked<Link extends Connection>(options: KeepLinkedOptions<Link>): Promise<void> {
  const { open, use, backoff, log, signal, pulse = new Pulse(), now = () => performance.now() } = options;
  let lastProblem = '';
  let earlyCloses = 0;
  while (!signal.aborted) {
    let openedAt = Number.POSITIVE_INFINITY;
    pulse.expect(STEP_MS);
    try {
      const opening = open();
      const link = await beforeAbort(opening, signal);
      if (link === null) {
        // Connecting may take seconds, and leaving must not wait for it.
        opening.then((late) => late.end()).catch(() => {}); // nobody is left to tell
        return;
      }
      openedAt = now();
      log.info({ sessionPresent: link.sessionPresent }, 'connected to the broker');
      lastProblem = '';
      pulse.rest();
      void link.closed.then(() => pulse.expect(STEP_MS));
      try {
        await use(link);
      } finally {
        await link.end();
      }
      if (signal.aborted) return;
      throw await link.closed;
    } catch (thrown: unknown) {
      if (signal.aborted) return;
      const error = toError(thrown) as Partial<AppError> & Error;
      const heldMs = now() - openedAt; // below 0 when it never opened
      if (heldMs > HEALTHY_MS) backoff.reset();
      if (errorCode(error) === 'taken-over') backoff.saturate();
      earlyCloses = heldMs >= 0 && heldMs < EARLY_MS ? earlyCloses + 1 : 0;
      if (earlyCloses === EARLY_CLOSES_BEFORE_HINT) {
        log.warn('the broker closes again and again soon after connecting: does another client use this client id?');
      }
      const problem = `${errorCode(error)} ${error.message}`;
      // The same problem again is no news: said once, until something changes.
      const level = problem === lastProblem ? 'debug' : 'warn';
      lastProblem = problem;
      log[level]({ code: errorCode(error), hint: error.hint }, `broker: ${error.message}; trying again`);
      const waitMs = backoff.next();
      pulse.expect(waitMs + STEP_MS);
      await sleep(waitMs, signal);
    }
  }
}
