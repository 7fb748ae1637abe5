// What DATABASE_URL says beside the place of the database: how TLS checks it, and how long a statement may take.
import { StoreError } from '../../base/errors.js';
import type { DatabaseSetting } from './postgres-errors.js';

export interface PostgresUrl {
  /** For pg; with the password. */
  readonly connectionString: string;
  /** Host and database without user and password, for messages. */
  readonly where: string;
  /** `statement_timeout` of the URL, in milliseconds; null when it has none. */
  readonly statementTimeoutMs: number | null;
}

/** pg 8 checks CA and name with each of them; its next version will, as libpq does, with the last alone. */
const CHECKING = new Set(['prefer', 'require', 'verify-ca', 'verify-full']);
const MAX_TIMEOUT_MS = 24 * 3_600_000;

/** @throws StoreError `url`, without what was written: there is a password in it. */
export function readPostgresUrl(text: string, setting: DatabaseSetting): PostgresUrl {
  const url = URL.canParse(text) ? new URL(text) : null;
  // A password with / or # in it would still be a URL, of another database, and be shown as its name.
  if (url === null || url.hash !== '' || url.pathname.includes('@')) {
    throw new StoreError(`${setting} is not a URL`, {
      code: 'url',
      hint: 'write postgres://user:password@host:5432/name, with %-codes for special characters in the password',
    });
  }
  const { protocol, host, pathname, searchParams } = url;
  const statementTimeoutMs = timeoutOf(searchParams.get('statement_timeout'), setting);
  searchParams.delete('statement_timeout');
  const mode = searchParams.get('sslmode') ?? '';
  if (CHECKING.has(mode) && !searchParams.has('uselibpqcompat')) searchParams.set('sslmode', 'verify-full');
  return { connectionString: url.href, where: `${protocol}//${host}${pathname}`, statementTimeoutMs };
}

function timeoutOf(text: string | null, setting: DatabaseSetting): number | null {
  if (text === null) return null;
  const ms = /^\d+$/.test(text) ? Number(text) : 0;
  if (ms >= 1 && ms <= MAX_TIMEOUT_MS) return ms;
  throw new StoreError(`statement_timeout in ${setting}: not a number of milliseconds from 1 to ${MAX_TIMEOUT_MS}`, {
    code: 'url',
    hint: 'write statement_timeout=30000 for half a minute',
  });
}
