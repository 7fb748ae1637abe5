// What is read of SQLite, in a thread of its own: of the built program, for tsx reads no TypeScript in threads.
import { rejects as throws } from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { Store } from '../../src/server/store.js';
import type { openStore } from '../../src/server/stores/open-store.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import { readContract } from '../unit/server/store-read-cases.js';

const BUILT = join(import.meta.dirname, '../../dist/server/stores/open-store.js');

async function open(t: TestContext, path: string, nowUs?: () => number): Promise<Store> {
  const built = (await import(BUILT)) as { openStore: typeof openStore };
  const store = await built.openStore(`sqlite:${path}`, { nowUs });
  t.after(() => store.close());
  return store;
}

readContract('SQLite', async (t) => {
  const path = join(tempFolder(t), 'server.db');
  return { open: (nowUs) => open(t, path, nowUs), rows: async () => [], execute: async () => {} };
});

test('a thread that is gone fails what it was asked, and the next question has a new one', async (t) => {
  const store = await open(t, join(tempFolder(t), 'server.db'));
  const failed = throws(store.reads.kits(), { code: 'read', retryable: true });
  await store.reads.close();
  await failed;
  await store.reads.kits();
});
