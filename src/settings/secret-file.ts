// Files that settings name: secrets, certificates and keys.
import { accessSync, constants, readFileSync, statSync } from 'node:fs';
import { errorCode, toError } from '../base/errors.js';

export interface FileProblem {
  readonly wrong: string;
  readonly expected: string;
}

/** Read permission for everybody. */
const OTHERS_READ = 0o004;

/** Docker mounts its secrets here, readable by everybody inside the container alone. */
const CONTAINER_SECRETS = '/run/secrets/';

/** The secret in a file; one line end behind it is the editor's. */
export function readSecretFile(path: string): { readonly secret: string } | FileProblem {
  try {
    const problem = checkSecret(path);
    if (problem !== null) return problem;
    const secret = new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(path)).replace(/\r?\n$/, '');
    return secret === '' ? { wrong: `${path} is empty`, expected: 'the secret in it' } : { secret };
  } catch (thrown: unknown) {
    return explain(path, thrown);
  }
}

/**
 * Whether a file that holds a secret is kept as one.
 *
 * @throws what Node throws when there is no such file.
 */
export function checkSecret(path: string): FileProblem | null {
  if (!othersMayRead(path) || path.startsWith(CONTAINER_SECRETS)) return null;
  return { wrong: `${path} can be read by others`, expected: `a file of its owner alone: chmod 600 ${path}` };
}

/** What keeps a file from being read, if anything does. */
export function checkReadable(path: string): FileProblem | null {
  try {
    if (statSync(path).isDirectory()) return { wrong: `${path} is a folder`, expected: 'a file' };
    accessSync(path, constants.R_OK);
    return null;
  } catch (thrown: unknown) {
    return explain(path, thrown);
  }
}

/** @throws what Node throws when there is no such file. */
export function othersMayRead(path: string): boolean {
  return (statSync(path).mode & OTHERS_READ) !== 0;
}

function explain(path: string, thrown: unknown): FileProblem {
  switch (errorCode(thrown)) {
    case 'ENOENT':
    case 'ENOTDIR':
      return { wrong: `${path} does not exist`, expected: 'an existing file' };
    case 'EISDIR':
      return { wrong: `${path} is a folder`, expected: 'a file' };
    case 'EACCES':
    case 'EPERM':
      return { wrong: `${path} can't be read by this user`, expected: 'a file this user may read (chown, chgrp)' };
    case 'ERR_ENCODING_INVALID_ENCODED_DATA':
      return { wrong: `${path} is not UTF-8 text`, expected: 'UTF-8' };
    default:
      return { wrong: `${path} can't be read (${toError(thrown).message})`, expected: 'a readable file' };
  }
}
