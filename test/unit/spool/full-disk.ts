// A spool on a small disk that somebody else fills: run on a tmpfs of its own, says as JSON what could be done there.
import { closeSync, openSync, rmSync, statfsSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { SpoolError } from '../../../src/base/errors.js';
import type { Spool, SpoolRow } from '../../../src/spool/spool.js';
import { MIB, open, rows } from './spools.js';

const [, , folder = '', evict = 'priority', maxMib = '2048', minFreeMib = '0', calls = '3000'] = process.argv;
const path = join(folder, 'spool.db');
const filler = join(folder, 'filler');

function openHere(): Spool {
  return open(path, {
    limits: {
      maxBytes: Number(maxMib) * MIB,
      minFreeBytes: Number(minFreeMib) * MIB,
      maxAgeMs: null,
      evict: evict as 'priority' | 'reject-new',
    },
  });
}

/** To the last byte. */
function fillDisk(): void {
  const fd = openSync(filler, 'a');
  for (let chunk = Buffer.alloc(64 * 1024); chunk.length > 0; ) {
    try {
      writeSync(fd, chunk);
    } catch {
      chunk = chunk.subarray(0, chunk.length >>> 1);
    }
  }
  closeSync(fd);
}

/** How many rows of `calls` times 20 were taken; the code of the first refusal. */
function accept(spool: Spool, calls: number): { taken: number; refused: string } {
  let taken = 0;
  let refused = '';
  for (let i = 0; i < calls; i += 1) {
    try {
      taken += spool.accept(rows(20, i % 4, 1_000)).length;
    } catch (error: unknown) {
      refused ||= error instanceof SpoolError ? error.code : String(error);
    }
  }
  return { taken, refused };
}

/** As acknowledgements do: an error ends it. */
function drain(spool: Spool): string {
  try {
    for (;;) {
      const some: SpoolRow[] = spool.read(0, Number.MAX_SAFE_INTEGER, 50);
      const [first] = some;
      if (first === undefined) return 'empty';
      spool.release(some.map(({ epoch, class: c, seq }) => ({ epoch, class: c, ranges: [[seq, seq]] })));
    }
  } catch (error: unknown) {
    return error instanceof SpoolError ? `${error.code}: ${error.message}` : String(error);
  }
}

let spool = openHere();
const before = accept(spool, Number(calls));
fillDisk();
const { bavail } = statfsSync(folder);
const full = accept(spool, 50);
const [row] = spool.read(0, Number.MAX_SAFE_INTEGER, 1);
if (row !== undefined) spool.quarantine(row, 'too large');
const waitingFull = spool.counts().waiting;
spool.close();
fillDisk();
spool = openHere();
const again = accept(spool, 50);
const drained = drain(spool);
const off = spool.counts().waiting; // when there is nothing to read
rmSync(filler);
spool.maintain();
const freed = accept(spool, 50);
const report = {
  before,
  availableWhenFull: bavail,
  full,
  waitingFull,
  again,
  drained,
  off,
  freed,
  ballast: statSync(`${path}.ballast`, { throwIfNoEntry: false })?.size ?? 0,
};
spool.close();
process.stdout.write(`${JSON.stringify(report)}\n`);
