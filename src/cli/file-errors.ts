// A file named on the command line that can't be read or written: in words, with what to do.
import { AppError, errorCode, toError } from '../base/errors.js';

const HINTS: Readonly<Record<string, string>> = {
  ENOENT: 'is the name right, and its folder there?',
  EISDIR: 'name a file in it',
  EACCES: 'run this as a user who may use it',
  EPERM: 'run this as a user who may use it',
  EROFS: 'it is on a read-only disk',
  ENOSPC: 'its disk is full: free some space there, or take another',
};

/** @throws AppError `file` for whatever the file system throws. */
export async function withFile<T>(path: string, work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (thrown: unknown) {
    const hint = HINTS[errorCode(thrown)];
    if (thrown instanceof AppError || hint === undefined) throw thrown;
    throw new AppError(`${path}: ${toError(thrown).message}`, { code: 'file', hint, cause: thrown });
  }
}
