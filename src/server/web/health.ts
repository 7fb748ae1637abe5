// Whether the server can do its work now: its broker is there, and its database takes commits.
import { sleep } from '../../base/backoff.js';
import { toError } from '../../base/errors.js';

export interface Side {
  readonly ok: boolean;
  /** Why not. */
  readonly problem?: string;
}

export interface Readiness {
  readonly ready: boolean;
  readonly broker: Side;
  readonly database: Side;
}

const OK: Side = { ok: true };
/** A commit that long ago says nothing of now: nothing may have come since. */
const FRESH_MS = 5_000;
const PROBE_MS = 3_000;

export class Health {
  private broker: Side = { ok: false, problem: 'not connected yet' };
  private database: Side = { ok: false, problem: 'not open yet' };
  private probe: (() => Promise<unknown>) | null = null;
  private probing: Promise<Side> | null = null;
  private seenMs = Number.NEGATIVE_INFINITY;

  /** The database is open; `probe` fails when it does not answer. */
  opened(probe: () => Promise<unknown>): void {
    this.probe = probe;
    this.setDatabase('ok');
  }

  setBroker(connected: boolean, why = 'not connected'): void {
    this.broker = connected ? OK : { ok: false, problem: why };
  }

  setDatabase(state: 'ok' | 'down', why = 'takes no commits'): void {
    this.database = state === 'ok' ? OK : { ok: false, problem: why };
    if (state === 'ok') this.seenMs = performance.now();
  }

  /** As it was known last; nobody is asked. */
  now(): Readiness {
    return { ready: this.broker.ok && this.database.ok, broker: this.broker, database: this.database };
  }

  /** Asks the database when no commit has shown lately that it works. What a failed commit said stands until one succeeds. */
  async check(): Promise<Readiness> {
    const stale = this.database.ok && performance.now() - this.seenMs > FRESH_MS;
    const database = stale ? await this.ask() : this.database;
    return { ready: this.broker.ok && database.ok, broker: this.broker, database };
  }

  /** Once for all who ask at the same time: a database that hangs must not collect questions. */
  private ask(): Promise<Side> {
    this.probing ??= this.asked().finally(() => {
      this.probing = null;
    });
    return this.probing;
  }

  private async asked(): Promise<Side> {
    const answered = new AbortController();
    try {
      const late = sleep(PROBE_MS, answered.signal).then((): Side => NO_ANSWER);
      return await Promise.race([Promise.resolve(this.probe?.()).then(() => OK), late]);
    } catch (thrown: unknown) {
      return { ok: false, problem: toError(thrown).message };
    } finally {
      answered.abort();
    }
  }
}

const NO_ANSWER: Side = { ok: false, problem: `no answer within ${PROBE_MS / 1_000} s` };
