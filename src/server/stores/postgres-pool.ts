// pg's door: connections to PostgreSQL, transactions on them, and errors that say what to do.
import { types as defaultTypes, Pool, type PoolClient } from 'pg';
import { StoreError } from '../../base/errors.js';
import { type DatabaseSetting, explainPostgres, isAnswer } from './postgres-errors.js';
import { readPostgresUrl } from './postgres-url.js';

export type Row = Record<string, unknown>;
/** Its caller says what a row looks like: the statement stands beside it. */
export type Query = <R extends object = Row>(sql: string, values?: readonly unknown[]) => Promise<R[]>;

export interface PoolOptions {
  readonly url: string;
  /** Which setting the URL comes from, for what is said about it. */
  readonly setting: DatabaseSetting;
  readonly connections: number;
  /** Of each statement. A statement that takes longer is ended, and its caller may try again. */
  readonly statementTimeoutMs: number;
  /** `statement_timeout` in the URL counts instead. */
  readonly urlMayLimit: boolean;
}

const CONNECT_TIMEOUT_MS = 10_000;
/** How much longer than the server's own limit we wait for it to say so; a frozen server never does. */
const ANSWER_GRACE_MS = 10_000;
const INT8 = 20;

export class PostgresPool {
  /** Host and database without user and password, for messages. */
  readonly where: string;
  readonly setting: DatabaseSetting;
  private readonly pool: Pool;
  private opening = true;
  private closed: Promise<void> | undefined;

  constructor({ url, setting, connections, urlMayLimit, ...options }: PoolOptions) {
    const { connectionString, where, statementTimeoutMs: ofUrl } = readPostgresUrl(url, setting);
    const statementTimeoutMs = (urlMayLimit ? ofUrl : null) ?? options.statementTimeoutMs;
    this.where = where;
    this.setting = setting;
    this.pool = new Pool({
      connectionString,
      max: connections,
      application_name: 'dragonsink',
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      statement_timeout: statementTimeoutMs,
      query_timeout: statementTimeoutMs + ANSWER_GRACE_MS,
      idle_in_transaction_session_timeout: statementTimeoutMs + ANSWER_GRACE_MS,
      keepAlive: true,
      // Every bigint of ours is below 2^53.
      types: { getTypeParser: (oid, format) => (oid === INT8 ? Number : defaultTypes.getTypeParser(oid, format)) },
    });
    // An idle connection that dies is replaced at the next use; without a listener it would end the process.
    this.pool.on('error', () => {});
    // So would a new one that is ended in the same packet as it is admitted, before whoever asked for it has it.
    this.pool.on('connect', (client) => client.on('error', () => {}));
  }

  /** From here on everything but a bad row is worth another try. */
  opened(): void {
    this.opening = false;
  }

  readonly query: Query = (sql, values) => this.withClient((query) => query(sql, values));

  /**
   * Runs `work` in one transaction. READ COMMITTED whatever the database's default: what is read after a lock was
   * waited for must be what its holder committed.
   *
   * @throws StoreError; whether a commit whose answer was lost took place is unknown.
   */
  async transaction<T>(work: (query: Query) => Promise<T>): Promise<T> {
    return this.withClient(async (query, client) => {
      await query('BEGIN ISOLATION LEVEL READ COMMITTED');
      try {
        const result = await work(query);
        // A transaction that had failed answers COMMIT with ROLLBACK, and no error.
        const { command } = await client.query('COMMIT');
        if (command !== 'COMMIT')
          throw new StoreError(`${this.where}: rolled back`, { code: 'unknown', retryable: true });
        return result;
      } catch (thrown: unknown) {
        if (thrown instanceof StoreError || isAnswer(thrown)) await query('ROLLBACK');
        throw thrown;
      }
    });
  }

  close(): Promise<void> {
    this.closed ??= this.pool.end();
    return this.closed;
  }

  private async withClient<T>(use: (query: Query, client: PoolClient) => Promise<T>): Promise<T> {
    let client: PoolClient | undefined;
    let broken = false;
    const onError = (): void => {
      broken = true;
    };
    try {
      client = await this.pool.connect();
      client.on('error', onError);
      return await use(queryOn(client), client);
    } catch (thrown: unknown) {
      // After anything but an answer nobody knows what the connection still has to say: it is not used again.
      broken ||= !(thrown instanceof StoreError || isAnswer(thrown));
      throw explainPostgres(this, thrown, this.opening);
    } finally {
      client?.removeListener('error', onError);
      client?.release(broken);
    }
  }
}

function queryOn(client: PoolClient): Query {
  return async <R extends object>(sql: string, values: readonly unknown[] = []) =>
    (await client.query<R>(sql, [...values])).rows;
}
