// Reads on SQLite: in a thread of their own (sqlite-read-thread.ts), for SQLite answers when it is done, and until then
// nothing else runs where it was asked.
import { Worker } from 'node:worker_threads';
import { StoreError } from '../../base/errors.js';
import type { Dialect, Reader, ReadValue } from './read-dialect.js';
import { ALL_ACCOUNTS } from './sqlite-plans.js';

/** Who asks for more than can be read in that time is told to ask for less. */
const TIMEOUT_MS = 10_000;

const DIALECT: Dialect = {
  iso: (column) => column,
  instant: (placeholder) => placeholder,
  seconds: (column) => `CAST(strftime('%s', ${column}) AS INTEGER)`,
  like: 'LIKE',
  accounts: ALL_ACCOUNTS,
};

export interface Question {
  readonly id: number;
  readonly sql: string;
  readonly values: readonly ReadValue[];
}

export type Answer = { readonly id: number } & ({ readonly rows: object[] } | { readonly problem: string });

interface Asked {
  readonly answered: (rows: object[]) => void;
  readonly failed: (error: StoreError) => void;
  readonly timer: NodeJS.Timeout;
}

export class SqliteReader implements Reader {
  readonly dialect = DIALECT;
  private readonly asked = new Map<number, Asked>();
  /** Begun with the first question: most servers are never looked at. */
  private thread: Worker | null = null;
  private lastId = 0;

  constructor(private readonly path: string) {}

  rows<R extends object>(sql: string, values: readonly ReadValue[] = []): Promise<R[]> {
    return new Promise((resolve, reject) => {
      this.lastId += 1;
      const id = this.lastId;
      const timer = setTimeout(() => void this.end(`no answer within ${TIMEOUT_MS / 1_000} s`), TIMEOUT_MS);
      this.asked.set(id, { answered: (rows) => resolve(rows as R[]), failed: reject, timer });
      this.thread ??= this.begin();
      this.thread.postMessage({ id, sql, values } satisfies Question);
    });
  }

  async close(): Promise<void> {
    await this.end('closed');
  }

  private begin(): Worker {
    const thread = new Worker(new URL('./sqlite-read-thread.js', import.meta.url), { workerData: this.path });
    thread.on('message', (answer: Answer) => this.take(answer));
    thread.on('error', (error) => void this.end(error.message, thread));
    thread.unref();
    return thread;
  }

  private take(answer: Answer): void {
    const asked = this.asked.get(answer.id);
    if (asked === undefined) return;
    this.asked.delete(answer.id);
    clearTimeout(asked.timer);
    if ('rows' in answer) asked.answered(answer.rows);
    else asked.failed(this.error(answer.problem));
  }

  /** A statement can't be ended but with its thread; the next question begins another one. */
  private async end(why: string, thread = this.thread): Promise<void> {
    if (thread === null || thread !== this.thread) return;
    this.thread = null;
    const asked = [...this.asked.values()];
    this.asked.clear();
    for (const { failed, timer } of asked) {
      clearTimeout(timer);
      failed(this.error(why));
    }
    await thread.terminate();
  }

  private error(why: string): StoreError {
    const hint = 'if it is too much at once, ask for a shorter time range';
    return new StoreError(`${this.path}: ${why}`, { code: 'read', retryable: true, hint });
  }
}
