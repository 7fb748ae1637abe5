// The doctor at the spool and its disk.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { EVICTION_ORDER } from '../../../../src/kit/classes.js';
import { checkDisk, checkSpool } from '../../../../src/kit/doctor/spool.js';
import { viewSpool } from '../../../../src/spool/open-spool.js';
import { assertCheck } from '../../../fixtures/assert-check.js';
import { kitRows, kitSpool } from '../../../fixtures/kit-spool.js';
import { tempFolder } from '../../../fixtures/temp-folder.js';

const MIB = 1024 * 1024;
const limits = { maxBytes: 256 * MIB, minFreeBytes: 0 };

describe('the disk', () => {
  test('has room, little, or too little', (t) => {
    const path = join(tempFolder(t), 'spool.db');
    assertCheck(checkDisk({ ...limits, path }), 'ok', /MB free at/);
    assertCheck(
      checkDisk({ ...limits, path, minFreeBytes: 2 ** 60 }),
      'fail',
      /less than min_free_mb/,
      /free some space/,
    );
  });

  test('without the folder fails', (t) => {
    const path = join(tempFolder(t), 'gone', 'spool.db');
    assertCheck(checkDisk({ ...limits, path }), 'fail', /there is no folder/, /^mkdir -p/);
  });
});

describe('the spool', () => {
  test('that is not there yet is well', (t) => {
    const path = join(tempFolder(t), 'spool.db');
    assertCheck(
      checkSpool({ ...limits, path }, () => viewSpool(path, EVICTION_ORDER).counts()),
      'ok',
      /none yet/,
    );
  });

  test('says what is in it; quarantine and little room are warnings', (t) => {
    const { path, open } = kitSpool(tempFolder(t));
    const spool = open();
    t.after(() => spool.close());
    const [row] = spool.accept(kitRows('drone', 3));
    const counts = () => spool.counts();
    assertCheck(checkSpool({ ...limits, path }, counts), 'ok', /^3 messages, \d+ MB of 256 MB$/);
    assertCheck(checkSpool({ ...limits, path, maxBytes: MIB }, counts), 'warn', /the oldest go/, /max_mb/);
    if (row !== undefined) spool.quarantine(row, 'refused');
    assertCheck(checkSpool({ ...limits, path }, counts), 'warn', /1 set aside/, /spool list/);
  });

  test('that is none fails', (t) => {
    const path = join(tempFolder(t), 'spool.db');
    writeFileSync(path, 'no database at all\n'.repeat(100));
    assertCheck(
      checkSpool({ ...limits, path }, () => viewSpool(path, EVICTION_ORDER).counts()),
      'fail',
      /spool\.db/,
    );
    const folder = join(tempFolder(t), 'folder.db');
    mkdirSync(folder);
    assertCheck(
      checkSpool({ ...limits, path: folder }, () => viewSpool(folder, EVICTION_ORDER).counts()),
      'fail',
      /./,
    );
  });
});
