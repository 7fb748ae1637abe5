// Doctor: waits for the acknowledgement that answers a status.
import { sleep } from '../../base/backoff.js';
import type { Ack } from '../../schema/ack.js';
import type { Answer } from './link-checks.js';

/** A server commits what it has before it answers; one whose database is slow takes seconds. */
const ANSWER_MS = 10_000;

export class Answers {
  private waiting: ((ack: Ack) => void) | null = null;

  /** An acknowledgement has come, whatever for. */
  heard(ack: Ack): void {
    this.waiting?.(ack);
  }

  /** The first that comes after `ask`; null when none does. One at a time. */
  async next(ask: () => void, withinMs = ANSWER_MS): Promise<Answer | null> {
    const startedAt = performance.now();
    const done = new AbortController();
    const answered = new Promise<Answer>((resolve) => {
      this.waiting = (ack) => resolve({ ms: performance.now() - startedAt, ack });
    });
    ask();
    const answer = await Promise.race([answered, sleep(withinMs, done.signal).then(() => null)]);
    done.abort();
    this.waiting = null;
    return answer;
  }
}
