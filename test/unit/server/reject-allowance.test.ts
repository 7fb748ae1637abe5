// How many rejects an hour may keep, and what becomes of the others.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RejectAllowance } from '../../../src/server/reject-allowance.js';
import type { Batch } from '../../../src/server/store.js';
import { MemoryLog } from '../../fixtures/memory-log.js';
import { drone, reject, whole } from './store-batches.js';

/** Of a payload of this size, 100 fit. */
const PAYLOAD = Buffer.alloc(100);
const MAX_BYTES = 100 * 1_500;

function setUp() {
  const log = new MemoryLog();
  const clock = { ms: 0 };
  const allowance = new RejectAllowance({ log, nowMs: () => clock.ms, maxBytes: MAX_BYTES });
  const send = (kitId: string | null, n: number): number => {
    const rejects = Array.from({ length: n }, () => reject({ kitId, payload: PAYLOAD }));
    return kept(allowance.mark(whole({ rejects })));
  };
  return { log, clock, allowance, send };
}

const kept = ({ rejects }: Batch): number => rejects.filter((one) => one.kept !== false).length;

test('a kit that sends nothing but nonsense takes half, the next one half of the rest, and every other has room', () => {
  const { send, log } = setUp();
  assert.equal(send('a', 1_000), 50);
  assert.equal(send('b', 1_000), 25);
  assert.equal(send(null, 10), 10);
  assert.equal(send('d', 3), 3);
  assert.equal(log.lines.length, 1, 'said once');
});

test('after an hour there is room again, and the log says how many were not kept', () => {
  const { send, clock, log } = setUp();
  send('a', 60);
  clock.ms = 3_600_000;
  assert.equal(send('a', 60), 50);
  assert.equal(log.lines.find(({ level }) => level === 'warn')?.fields['rejects'], 10);
});

test('100,000 rejects of a usual message, from many kits, are all kept', () => {
  const allowance = new RejectAllowance({ log: new MemoryLog() });
  const payload = Buffer.alloc(1_200);
  const rejects = Array.from({ length: 100_000 }, (_, i) => reject({ kitId: `kit-${i % 50}`, payload }));
  assert.equal(kept(allowance.mark(whole({ rejects }))), 100_000);
});

test('a batch without rejects is the same one', () => {
  const batch = whole({ observations: [drone()] });
  assert.equal(new RejectAllowance({ log: new MemoryLog() }).mark(batch), batch);
});
