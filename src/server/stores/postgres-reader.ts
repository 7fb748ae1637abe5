// Reads on PostgreSQL: connections of their own, so that whoever looks at much waits for itself alone.

import { ALL_ACCOUNTS } from './postgres-plans.js';
import { PostgresPool } from './postgres-pool.js';
import type { Dialect, Reader, ReadValue } from './read-dialect.js';

const CONNECTIONS = 3;
/** Who asks for more than can be read in that time is told to ask for less. */
const TIMEOUT_MS = 10_000;

const DIALECT: Dialect = {
  iso: (column) => `to_char(${column} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`,
  instant: (placeholder) => `CAST(${placeholder} AS timestamptz)`,
  seconds: (column) => `floor(extract(epoch FROM ${column}))::bigint`,
  like: 'ILIKE',
  accounts: ALL_ACCOUNTS,
};

export class PostgresReader implements Reader {
  readonly dialect = DIALECT;
  private readonly pool: PostgresPool;

  constructor(url: string) {
    this.pool = new PostgresPool({
      url,
      setting: 'DATABASE_URL',
      connections: CONNECTIONS,
      statementTimeoutMs: TIMEOUT_MS,
      urlMayLimit: false,
    });
    this.pool.opened();
  }

  rows<R extends object>(sql: string, values: readonly ReadValue[] = []): Promise<R[]> {
    return this.pool.query<R>(sql, values);
  }

  close(): Promise<void> {
    return this.pool.close();
  }
}
