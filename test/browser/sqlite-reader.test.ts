// Reads on SQLite, one after the other: what takes too long is given up, and those that wait behind it are not. Of the
// built program, as tsx reads no TypeScript in its thread.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { openSqlite } from '../../src/base/sqlite.js';
import type { SqliteReader } from '../../src/server/stores/sqlite-reader.js';
import { tempFolder } from '../fixtures/temp-folder.js';

const BUILT = join(import.meta.dirname, '../../dist/server/stores/sqlite-reader.js');
const COUNT = 'WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < $1) SELECT max(n) AS n FROM c';

async function readerOf(t: TestContext): Promise<SqliteReader> {
  const built = (await import(BUILT)) as { SqliteReader: typeof SqliteReader };
  const path = join(tempFolder(t), 'read.db');
  openSqlite(path).close();
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const reader = new built.SqliteReader(path);
  // The reader's thread keeps no process up; its timer would.
  const awake = setInterval(() => {}, 1_000);
  t.after(() => {
    clearInterval(awake);
    return reader.close();
  });
  return reader;
}

test('a question has its time from when it is its turn', async (t) => {
  const reader = await readerOf(t);
  const [first, second] = [reader.rows(COUNT, [10_000]), reader.rows(COUNT, [20_000])];
  t.mock.timers.tick(9_000);
  assert.deepEqual(await first, [{ n: 10_000 }]);
  t.mock.timers.tick(9_000);
  assert.deepEqual(await second, [{ n: 20_000 }]);
  t.mock.timers.tick(60_000);
  assert.deepEqual(await reader.rows(COUNT, [3]), [{ n: 3 }], 'nothing is timed while nothing is asked');
});

test('one that takes too long costs those behind it nothing', async (t) => {
  const reader = await readerOf(t);
  const first = reader.rows(COUNT, [1_000_000]);
  const others = [reader.rows(COUNT, [1]), reader.rows(COUNT, [2])];
  t.mock.timers.tick(10_000);
  await assert.rejects(first, { code: 'read', message: /no answer within 10 s/ });
  assert.deepEqual(await Promise.all(others), [[{ n: 1 }], [{ n: 2 }]]);
});
