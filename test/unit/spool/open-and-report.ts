// Opens the spool named on the command line and prints what it threw: for places that only another mount namespace has.
import { SpoolError } from '../../../src/base/errors.js';
import { openSpool } from '../../../src/spool/open-spool.js';

const [, , path = ''] = process.argv;
try {
  openSpool({
    path,
    classes: [0],
    limits: { maxBytes: 16_000_000, minFreeBytes: 0, maxAgeMs: null, evict: 'priority' },
    onDamaged: () => {},
  }).close();
  console.log(JSON.stringify({ code: 'opened' }));
} catch (error: unknown) {
  if (!(error instanceof SpoolError)) throw error;
  console.log(JSON.stringify({ code: error.code, text: `${error.message} ${error.hint}` }));
}
