// What the demo's server has in its database, read beside it.
import { readSqlite, type Sqlite } from '../base/sqlite.js';
import { type Kind, perKind } from '../schema/kinds.js';

const TABLES: Record<Kind, string> = {
  drone: "drones WHERE track_type = 'drone'",
  aircraft: "drones WHERE track_type = 'aircraft'",
  signal: 'signals WHERE true',
  system: 'system_health WHERE true',
};

export class DemoRows {
  private readonly db: Sqlite;
  private newest = perKind(() => 0);

  constructor(path: string) {
    this.db = readSqlite(path);
  }

  stored(): Record<Kind, number> {
    return perKind((kind) => this.db.prepare(`SELECT count(*) FROM ${TABLES[kind]}`).pluck().get() as number);
  }

  /** Seconds from detection to now, of the rows that came since the last call. */
  latencies(): number[] {
    const now = Date.now() / 1000;
    const found: number[] = [];
    for (const kind of ['drone', 'aircraft', 'signal'] as const) {
      const sql = `SELECT rowid, observed_raw FROM ${TABLES[kind]} AND rowid > ? ORDER BY rowid`;
      for (const [rowid, micros] of this.db.prepare(sql).raw().all(this.newest[kind]) as [number, number][]) {
        this.newest[kind] = rowid;
        found.push(now - micros / 1e6);
      }
    }
    return found;
  }

  close(): void {
    this.db.close();
  }
}
