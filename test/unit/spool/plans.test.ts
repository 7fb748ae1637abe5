// With a million rows waiting, what runs all the time must find its rows by an index.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { readSqlite } from '../../../src/base/sqlite.js';
import * as plans from '../../../src/spool/plans.js';
import { tempFolder } from '../../fixtures/temp-folder.js';
import { CLASSES, open } from './spools.js';

const HOT: Record<string, string> = {
  readMessages: plans.readMessages(CLASSES),
  readMessage: plans.readMessage(0),
  readEverything: plans.readEverything(CLASSES),
  rowsBetween: plans.rowsBetween(0),
  deleteBetween: plans.deleteBetween(0),
  releaseQuarantined: plans.RELEASE_QUARANTINED,
  oldestUpTo: plans.oldestUpTo(CLASSES),
  firstFrom: plans.firstFrom(0),
  outerIds: plans.outerIds(0),
  touching: plans.rangesTouching('handed_over'),
  rangeAt: plans.rangeAt('handed_over'),
  rangeAfter: plans.rangeAfter('handed_over'),
  getMark: plans.GET_MARK,
  putMark: plans.PUT_MARK,
};

describe('a hot statement', () => {
  for (const [name, sql] of Object.entries(HOT)) {
    test(`${name} reads no table from end to end, and sorts nothing`, (t) => {
      const path = join(tempFolder(t), 'spool.db');
      open(path).close();
      const db = readSqlite(path);
      t.after(() => db.close());
      const bound = Object.fromEntries(
        ['upto', 'after', 'limit', 'class', 'epoch', 'from', ...CLASSES.map((c) => `from_${c}`)].map((key) => [key, 1]),
      );
      const positional = sql.match(/\?/g)?.map(() => 1) ?? [];
      const steps = db
        .prepare(`EXPLAIN QUERY PLAN ${sql}`)
        .all(...(positional.length > 0 ? [positional] : [bound])) as {
        detail: string;
      }[];
      const slow = steps.map(({ detail }) => detail).filter((d) => /TEMP B-TREE|^SCAN (?!e\b|CONSTANT)/.test(d));
      assert.deepEqual(slow, [], steps.map(({ detail }) => detail).join('\n'));
    });
  }
});
