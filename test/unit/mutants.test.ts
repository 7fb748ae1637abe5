// The mutants of `npm run faults -- --mutants` still fit the sources: whoever moves a guard hears of it within seconds.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

const ROOT = join(import.meta.dirname, '../..');
const PATCHES = join(ROOT, 'test/faults/mutants');

for (const name of readdirSync(PATCHES).filter((file) => file.endsWith('.patch'))) {
  test(`${name} applies`, () => {
    const { status, stderr } = spawnSync('git', ['apply', '--check', join(PATCHES, name)], {
      cwd: ROOT,
      encoding: 'utf8',
    });
    assert.equal(status, 0, stderr);
  });
}
