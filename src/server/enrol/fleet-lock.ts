// One at a time changes a fleet: of two at once, one would forget whom the other let in, and nobody could shut that one out.
import { join } from 'node:path';
import { EnrolError, errorCode } from '../../base/errors.js';
import { lockFile } from '../../base/sqlite.js';

/**
 * Does `work` while nobody else does.
 *
 * @throws EnrolError `busy` when somebody else does.
 */
export async function alone<T>(folder: string, work: () => Promise<T>): Promise<T> {
  const lock = take(join(folder, 'lock'));
  try {
    return await work();
  } finally {
    lock.release();
  }
}

function take(file: string): ReturnType<typeof lockFile> {
  try {
    return lockFile(file);
  } catch (cause: unknown) {
    if (!errorCode(cause).startsWith('SQLITE_BUSY')) throw cause;
    throw new EnrolError('another process is changing the fleet', { code: 'busy', hint: 'try again', cause });
  }
}
