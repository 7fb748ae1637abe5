// What PostgreSQL's (or the network's) refusal means in words, what to do about it, and whether to try again.
import { errorCode, StoreError, toError } from '../../base/errors.js';

interface Meaning {
  readonly code: string;
  readonly hint?: string;
  /** False when nothing changes until somebody acts: a server that starts should say so instead of waiting. */
  readonly passes: boolean;
}

const AWAY: Meaning = {
  code: 'unavailable',
  hint: 'is PostgreSQL running, and does DATABASE_URL name its host and port?',
  passes: true,
};
const UNTRUSTED: Meaning = {
  code: 'tls',
  hint: 'name the CA that signed the certificate of the database: ?sslmode=verify-full&sslrootcert=<file> in DATABASE_URL',
  passes: false,
};
const NO_TLS: Meaning = {
  code: 'tls',
  hint: 'switch TLS on in the database (ssl = on, with ssl_cert_file and ssl_key_file), or leave sslmode out of DATABASE_URL',
  passes: false,
};
const UNREADABLE: Meaning = {
  code: 'tls',
  hint: 'the files that sslrootcert, sslcert and sslkey in DATABASE_URL name must be there, and readable by this user',
  passes: false,
};
const CONFLICT: Meaning = { code: 'conflict', passes: true };
const DATA: Meaning = { code: 'data', passes: false };
const MIGRATE = 'run: dragonsink migrate, with the owner of the tables in DATABASE_MAINTAIN_URL';

/** By SQLSTATE, or by its class of two characters (https://www.postgresql.org/docs/current/errcodes-appendix.html). */
const MEANINGS: Readonly<Record<string, Meaning>> = {
  '08': AWAY,
  '22': DATA,
  // A violated constraint is the row's fault; that of a unique one is another writer's, who was first.
  '23': DATA,
  '23505': CONFLICT,
  '40001': CONFLICT,
  '40P01': CONFLICT,
  '25006': {
    code: 'read-only',
    hint: 'this is a replica, or default_transaction_read_only is on: let DATABASE_URL name the primary',
    passes: true,
  },
  '28': {
    code: 'credentials',
    hint: 'check the user and the password in DATABASE_URL, and how pg_hba.conf lets it in (with TLS: ?sslmode=verify-full)',
    passes: false,
  },
  '3D000': { code: 'missing', hint: 'make the database first: createdb <name>', passes: false },
  '42501': {
    code: 'privilege',
    hint: 'name the role that owns the tables in DATABASE_MAINTAIN_URL; what the ingest role needs, config/roles.sql grants',
    passes: false,
  },
  '42P01': { code: 'schema', hint: MIGRATE, passes: false },
  '42703': { code: 'schema', hint: MIGRATE, passes: false },
  '53': { code: 'busy', hint: 'PostgreSQL is short of memory or connections: look at its log', passes: true },
  // Most of all TimescaleDB's, on the rows of compressed chunks that one transaction may change: postgres-transact.ts.
  '53400': { code: 'limit', hint: 'a limit in the configuration of PostgreSQL was reached: see its log', passes: true },
  '53100': { code: 'full', hint: 'the disk of the database is full: free some space there', passes: true },
  // An index entry has a limit of some 2,700 bytes, so that a long text is refused like one of a wrong form.
  '54': DATA,
  '55P03': { code: 'busy', hint: 'another session holds a lock on the tables: see pg_locks', passes: true },
  '57': AWAY,
  '57014': { code: 'timeout', hint: 'the database is overloaded, or a lock is held on the tables', passes: true },
  ECONNREFUSED: AWAY,
  ERR_TLS_CERT_ALTNAME_INVALID: {
    code: 'tls',
    hint: 'let DATABASE_URL name the host as its certificate does, or have one made for this name (subjectAltName)',
    passes: false,
  },
  CERT_HAS_EXPIRED: { code: 'tls', hint: 'the certificate of the database has expired: renew it', passes: false },
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNTRUSTED,
  ENOTFOUND: { ...AWAY, hint: 'the host in DATABASE_URL is not known: check its name' },
};

export type DatabaseSetting = 'DATABASE_URL' | 'DATABASE_MAINTAIN_URL';

/** The connection that was refused: the database without secrets, and the setting that names it. */
export interface Connection {
  readonly where: string;
  readonly setting: DatabaseSetting;
}

/**
 * @param opening while a store is being opened, what somebody has to mend first is not retryable. Later everything
 *   is, except a row that the database does not take: a batch must never be thrown away for a changed password.
 */
export function explainPostgres({ where, setting }: Connection, thrown: unknown, opening: boolean): StoreError {
  if (thrown instanceof StoreError) return thrown;
  const sqlState = errorCode(thrown);
  const meaning = MEANINGS[sqlState] ?? MEANINGS[sqlState.slice(0, 2)] ?? byForm(sqlState, thrown);
  const message = toError(thrown).message || sqlState;
  return new StoreError(`${where}: ${message}`, {
    code: meaning.code,
    ...(meaning.hint === undefined ? {} : { hint: meaning.hint.replaceAll('DATABASE_URL', setting) }),
    retryable: meaning.code !== 'data' && (meaning.passes || !opening),
    cause: thrown,
  });
}

/** Certificates' and the network's codes are words, and a connection that just ends has none; all else is new to us. */
function byForm(code: string, thrown: unknown): Meaning {
  if (/CERT|SSL|TLS/.test(code)) return UNTRUSTED;
  // pg's own words, which have no code.
  if (/does not support SSL/.test(toError(thrown).message)) return NO_TLS;
  if (thrown instanceof Error && 'syscall' in thrown && thrown.syscall === 'open') return UNREADABLE;
  const isNetwork = /^E[A-Z_]+$/.test(code) || (code === '' && !(thrown instanceof TypeError));
  return isNetwork ? AWAY : { code: 'unknown', passes: true };
}

/** An answer of the server itself: the connection it came on is still good. */
export function isAnswer(thrown: unknown): boolean {
  return /^[0-9A-Z]{5}$/.test(errorCode(thrown)) && !/^(08|57P)/.test(errorCode(thrown));
}
