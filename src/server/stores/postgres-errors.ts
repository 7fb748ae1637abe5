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
  '28': { code: 'credentials', hint: 'check the user and the password in DATABASE_URL', passes: false },
  '3D000': { code: 'missing', hint: 'make the database first: createdb <name>', passes: false },
  '42501': { code: 'privilege', hint: MIGRATE, passes: false },
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
  ENOTFOUND: { ...AWAY, hint: 'the host in DATABASE_URL is not known: check its name' },
};

/**
 * @param opening while a store is being opened, what somebody has to mend first is not retryable. Later everything
 *   is, except a row that the database does not take: a batch must never be thrown away for a changed password.
 */
export function explainPostgres(where: string, thrown: unknown, opening: boolean): StoreError {
  if (thrown instanceof StoreError) return thrown;
  const sqlState = errorCode(thrown);
  const meaning = MEANINGS[sqlState] ?? MEANINGS[sqlState.slice(0, 2)] ?? byForm(sqlState, thrown);
  const message = toError(thrown).message || sqlState;
  return new StoreError(`${where}: ${message}`, {
    code: meaning.code,
    ...(meaning.hint === undefined ? {} : { hint: meaning.hint }),
    retryable: meaning.code !== 'data' && (meaning.passes || !opening),
    cause: thrown,
  });
}

/** Certificates' and the network's codes are words, and a connection that just ends has none; all else is new to us. */
function byForm(code: string, thrown: unknown): Meaning {
  if (/CERT|SSL|TLS/.test(code)) return UNTRUSTED;
  const isNetwork = /^E[A-Z_]+$/.test(code) || (code === '' && !(thrown instanceof TypeError));
  return isNetwork ? AWAY : { code: 'unknown', passes: true };
}

/** An answer of the server itself: the connection it came on is still good. */
export function isAnswer(thrown: unknown): boolean {
  return /^[0-9A-Z]{5}$/.test(errorCode(thrown)) && !/^(08|57P)/.test(errorCode(thrown));
}
