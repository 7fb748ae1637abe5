// What can go wrong with a spool's file, in words and with the fix.
import { SpoolError } from '../base/errors.js';
import { explainSqlite } from '../base/sqlite.js';

export const DAMAGED_HINT = 'start dragonsink kit again: it keeps the file aside and begins a new one';

/** @throws SpoolError for whatever SQLite or the file system throws. */
export function explained<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (thrown: unknown) {
    if (thrown instanceof SpoolError) throw thrown;
    const holder = (thrown as { holderPid?: number }).holderPid;
    if (holder !== undefined) {
      const hint = 'one process per spool: stop it, or name another file in [SPOOL] path';
      throw new SpoolError(`${path} is held by process ${holder}`, { code: 'held', hint, cause: thrown });
    }
    const { code, message, hint } = explainSqlite(path, thrown);
    const retryable = code === 'full' || code === 'busy';
    const said = code === 'corrupt' ? DAMAGED_HINT : hint;
    throw new SpoolError(`spool ${message}`, { code, hint: said, retryable, cause: thrown });
  }
}
