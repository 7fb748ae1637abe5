// Runs the openssl program.
import { execFile } from 'node:child_process';
import { EnrolError, errorCode } from '../../base/errors.js';

/** @throws EnrolError `openssl` with what the program said. */
export function openssl(args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile('openssl', args, (error, out, said) => {
      if (error === null) resolve(out);
      else if (errorCode(error) === 'ENOENT') {
        const hint = 'apt-get install openssl';
        reject(new EnrolError('the program openssl is not here', { code: 'openssl', hint, cause: error }));
      } else {
        const lines = said.trim().split('\n').slice(-3).join('; ');
        reject(new EnrolError(`openssl ${args[0]}: ${lines}`, { code: 'openssl', cause: error }));
      }
    });
  });
}
