// A server whose database can't be opened yet: what it says of that.
import { deepEqual } from 'node:assert/strict';
import { test } from 'node:test';
import { StoreError } from '../../../src/base/errors.js';
import { DEFAULT_TOPICS } from '../../../src/schema/topics.js';
import { Server } from '../../../src/server/server.js';
import { MemoryLog } from '../../fixtures/memory-log.js';
import { eventually } from '../../fixtures/processes.js';

test('says a problem of its database once, until it is another', async () => {
  const away = new StoreError('away', { code: 'unavailable', hint: 'start it', retryable: true });
  const locked = new StoreError('locked out', { code: 'credentials', hint: 'ask somebody' });
  const problems = [away, away, locked, locked];
  let tries = 0;
  const log = new MemoryLog();
  const server = new Server({
    openStore: () => {
      tries += 1;
      return Promise.reject(problems[tries - 1] ?? locked);
    },
    broker: { host: '127.0.0.1', port: 1, version: 5, keepaliveS: 30 },
    serverId: 'test',
    shareGroup: null,
    topics: DEFAULT_TOPICS,
    isEnrolled: () => false,
    log,
  });
  await server.start();
  await eventually('the tries', () => tries === 5);
  await server.stop();
  const errors = log.lines.filter(({ level }) => level === 'error');
  deepEqual(
    errors.map(({ text, fields }) => [text, fields['hint']]),
    [
      ['database: away; trying again', 'start it'],
      ['database: locked out; trying again', 'ask somebody'],
    ],
  );
});
