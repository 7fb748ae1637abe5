// On a disk that somebody else has filled to the last byte a spool goes on: it opens, drains, and takes what is new in
// the place of what is old. On a real small file system, as no other one is full in the same way.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { tempFolder } from '../../fixtures/temp-folder.js';

interface Report {
  readonly before: { readonly taken: number; readonly refused: string };
  readonly availableWhenFull: number;
  readonly full: { readonly taken: number; readonly refused: string };
  readonly again: { readonly taken: number; readonly refused: string };
  readonly freed: { readonly taken: number; readonly refused: string };
  readonly drained: string;
  /** Rows that are neither there nor on record; 0 when the books are right. */
  readonly off: number;
  readonly ballast: number;
}

/** `calls` times 20 rows are taken before the disk is filled. */
function run(folder: string, disk: string, evict: string, minFreeMib: number, calls: number): Report {
  const script = join(import.meta.dirname, 'full-disk.ts');
  const argv = [folder, evict, '2048', String(minFreeMib), String(calls)].join(' ');
  const command = `mount -t tmpfs -o size=${disk} none ${folder} && ${process.execPath} --import tsx ${script} ${argv}`;
  const { stdout, stderr } = spawnSync('unshare', ['-m', 'sh', '-c', command], { encoding: 'utf8' });
  assert.notEqual(stdout, '', stderr);
  return JSON.parse(stdout) as Report;
}

describe('on a full disk', { skip: process.getuid?.() !== 0 && 'needs root to mount' }, () => {
  for (const [disk, minFreeMib, calls] of [
    ['2m', 0, 600],
    ['8m', 0, 0],
    ['8m', 0, 3],
    ['8m', 0, 60],
    ['8m', 0, 170],
    ['24m', 8, 600],
  ] as const) {
    test(`of ${disk}, after ${calls} calls with ${minFreeMib} MiB kept free, it takes, opens and drains`, (t) => {
      const report = run(tempFolder(t), disk, 'priority', minFreeMib, calls);
      assert.equal(report.availableWhenFull, 0);
      const taken = { taken: 1_000, refused: '' };
      assert.deepEqual([report.full, report.again, report.freed], [taken, taken, taken]);
      assert.deepEqual([report.drained, report.off], ['empty', 0]);
      assert.ok(report.ballast > 0, 'it is put back when there is room');
    });
  }

  test('with `reject-new` it refuses what is new, keeps what it has, opens and drains', (t) => {
    const report = run(tempFolder(t), '8m', 'reject-new', 0, 600);
    assert.ok(report.before.taken > 1_000);
    assert.equal(report.before.refused, 'full');
    const refused = { taken: 0, refused: 'full' };
    assert.deepEqual([report.full, report.again], [refused, refused]);
    assert.deepEqual([report.drained, report.off, report.freed.refused], ['empty', 0, '']);
  });
});
