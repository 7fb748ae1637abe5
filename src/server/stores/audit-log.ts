// Analytics' audit log, which its web UI writes and we only make.
import type { Query } from './postgres-pool.js';

const INDEXES = [
  'CREATE INDEX IF NOT EXISTS idx_audit_log_action ON audit_log (action)',
  'CREATE INDEX IF NOT EXISTS idx_audit_log_action_time ON audit_log (action, timestamp DESC)',
  'CREATE INDEX IF NOT EXISTS idx_audit_log_resource ON audit_log (resource) WHERE resource IS NOT NULL',
  'CREATE INDEX IF NOT EXISTS idx_audit_log_timestamp ON audit_log (timestamp DESC)',
  'CREATE INDEX IF NOT EXISTS idx_audit_log_username ON audit_log (username)',
];

const POSTGRES_TABLE = `
  CREATE TABLE audit_log (
    id serial PRIMARY KEY, timestamp timestamptz NOT NULL DEFAULT now(),
    action text NOT NULL, result text NOT NULL, username text NOT NULL,
    resource text, details jsonb DEFAULT '{}', client_ip text, user_agent text)`;

/** What config/roles.sql lets the ingest role do with every new table would let it forge this one. */
const NOT_FOR_INGEST = `
  DO $$ BEGIN
    IF to_regrole('dragonsink_ingest') IS NOT NULL THEN REVOKE ALL ON audit_log FROM dragonsink_ingest; END IF;
  END $$`;

/** One that is there already is not touched, whoever owns it. */
export async function makePostgresAuditLog(query: Query): Promise<void> {
  const [there] = await query<{ found: boolean }>("SELECT to_regclass('audit_log') IS NOT NULL AS found");
  if (there?.found === true) return;
  for (const statement of [POSTGRES_TABLE, ...INDEXES, NOT_FOR_INGEST]) await query(statement);
}

export function sqliteAuditLog(): string[] {
  const table = `
    CREATE TABLE IF NOT EXISTS audit_log (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      timestamp TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f000Z', 'now')),
      action TEXT NOT NULL, result TEXT NOT NULL, username TEXT NOT NULL,
      resource TEXT, details TEXT DEFAULT '{}', client_ip TEXT, user_agent TEXT) STRICT`;
  return [table, ...INDEXES];
}
