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
  readonly question: Question;
  readonly answered: (rows: object[]) => void;
  readonly failed: (error: StoreError) => void;
}

export class SqliteReader implements Reader {
  readonly dialect = DIALECT;
  /** The thread answers one after the other: the first is the one it is at. */
  private readonly asked = new Map<number, Asked>();
  /** Of the one it is at: those that wait behind it have not had their time yet. */
  private timer: NodeJS.Timeout | undefined;
  /** Begun with the first question: most servers are never looked at. */
  private thread: Worker | null = null;
  private lastId = 0;

  constructor(
    private readonly path: string,
    private readonly timeoutMs = TIMEOUT_MS,
  ) {}

  rows<R extends object>(sql: string, values: readonly ReadValue[] = []): Promise<R[]> {
    return new Promise((resolve, reject) => {
      this.lastId += 1;
      const question: Question = { id: this.lastId, sql, values };
      this.asked.set(question.id, { question, answered: (rows) => resolve(rows as R[]), failed: reject });
      this.thread ??= this.begin();
      this.thread.postMessage(question);
      if (this.asked.size === 1) this.time();
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
    this.time();
    if ('rows' in answer) asked.answered(answer.rows);
    else asked.failed(this.error(answer.problem));
  }

  /** Gives the question that is first by now its time. */
  private time(): void {
    clearTimeout(this.timer);
    if (this.asked.size > 0) this.timer = setTimeout(() => void this.skip(), this.timeoutMs);
  }

  /** A statement can't be ended but with its thread: the questions behind it are asked in another one. */
  private async skip(): Promise<void> {
    const [first, ...others] = this.asked.values();
    if (first === undefined) return;
    this.asked.delete(first.question.id);
    first.failed(this.error(`no answer within ${this.timeoutMs / 1_000} s`));
    const { thread } = this;
    this.thread = others.length > 0 ? this.begin() : null;
    for (const { question } of others) this.thread?.postMessage(question);
    this.time();
    await thread?.terminate();
  }

  /** The next question begins another thread. */
  private async end(why: string, thread = this.thread): Promise<void> {
    if (thread === null || thread !== this.thread) return;
    this.thread = null;
    clearTimeout(this.timer);
    const asked = [...this.asked.values()];
    this.asked.clear();
    for (const { failed } of asked) failed(this.error(why));
    await thread.terminate();
  }

  private error(why: string): StoreError {
    const hint = 'if it is too much at once, ask for a shorter time range';
    return new StoreError(`${this.path}: ${why}`, { code: 'read', retryable: true, hint });
  }
}
