// One connection to a SQLite file: statements prepared once, transactions one after the other, errors in words.
import { sleep } from '../../base/backoff.js';
import { errorCode, StoreError, toError } from '../../base/errors.js';
import { explainSqlite, openSqlite, type Sqlite, type Statement } from '../../base/sqlite.js';
import { BEGIN, COMMIT, ROLLBACK } from './sqlite-plans.js';

/** After so long the kits are told that nothing is stored here, and the caller tries again. */
const BUSY_TIMEOUT_MS = 5_000;
const BUSY_WAIT_MS = 5;

export class SqliteDatabase {
  private readonly db: Sqlite;
  private readonly statements = new Map<string, Statement>();
  private turn: Promise<unknown> = Promise.resolve();

  /** @throws StoreError as `explain` says. */
  constructor(readonly path: string) {
    try {
      this.db = openSqlite(path);
    } catch (error: unknown) {
      throw explain(path, error, true);
    }
  }

  statement(sql: string): Statement {
    let statement = this.statements.get(sql);
    if (statement === undefined) {
      statement = this.db.prepare(sql);
      this.statements.set(sql, statement);
    }
    return statement;
  }

  /** Runs statements that bind and return nothing. */
  run(sql: string): void {
    this.db.exec(sql);
  }

  /** One durable transaction; nobody else's statements come between those of `work`, also not another reader's. */
  async transaction<T>(work: () => Promise<T> | T, opening = false): Promise<T> {
    return this.exclusive(async () => {
      try {
        await this.begin();
        const result = await work();
        this.db.exec(COMMIT);
        return result;
      } catch (thrown: unknown) {
        // SQLite has rolled back by itself after some errors, as a full disk.
        if (this.db.inTransaction) this.db.exec(ROLLBACK);
        throw explain(this.path, thrown, opening);
      }
    });
  }

  /** What is read is committed: a transaction under way is waited for. */
  async read<T>(work: () => T): Promise<T> {
    return this.exclusive(() => {
      try {
        return work();
      } catch (thrown: unknown) {
        throw explain(this.path, thrown, false);
      }
    });
  }

  async close(): Promise<void> {
    await this.exclusive(() => this.db.close());
  }

  private exclusive<T>(work: () => Promise<T> | T): Promise<T> {
    const mine = this.turn.then(work);
    this.turn = mine.catch(() => {});
    return mine;
  }

  /**
   * Waits for another connection's transaction without SQLite's own waiting: that would stop this whole process, and
   * with it the other connection when it is in here too.
   */
  private async begin(): Promise<void> {
    const deadline = performance.now() + BUSY_TIMEOUT_MS;
    for (;;) {
      try {
        this.db.pragma('busy_timeout = 0');
        this.db.exec(BEGIN);
        return;
      } catch (thrown: unknown) {
        if (!errorCode(thrown).startsWith('SQLITE_BUSY') || performance.now() > deadline) throw thrown;
      } finally {
        this.db.pragma('busy_timeout = 5000');
      }
      await sleep(BUSY_WAIT_MS);
    }
  }
}

/** Nothing changes until somebody acts. */
const LASTING = new Set(['read-only', 'missing', 'corrupt', 'version']);

/** As with PostgreSQL: once open, everything but a bad row is worth another try. */
function explain(path: string, thrown: unknown, opening: boolean): StoreError {
  if (thrown instanceof StoreError) return thrown;
  if (/^SQLITE_(CONSTRAINT|TOOBIG|MISMATCH)/.test(errorCode(thrown))) {
    return new StoreError(`${path}: ${toError(thrown).message}`, { code: 'data', cause: thrown });
  }
  const { code, message, hint } = explainSqlite(path, thrown);
  return new StoreError(message, { code, hint, retryable: !(opening && LASTING.has(code)), cause: thrown });
}
