// One number out of a server's SQLite file, while the server writes to it.
import { readSqlite } from '../../src/base/sqlite.js';

export function countOf(databaseUrl: string, sql: string): number {
  const db = readSqlite(databaseUrl.slice('sqlite:'.length));
  try {
    return db.prepare(sql).pluck().get() as number;
  } finally {
    db.close();
  }
}
