// Who is let in when a kit has much waiting.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MAX_WAITING_OF_KIT, ownerOf, Quota } from '../../../src/server/quota.js';
import { MemoryLog } from '../../fixtures/memory-log.js';
import { at, contact, drone, KIT, reject, report, stream, whole } from './store-batches.js';

const FULL = MAX_WAITING_OF_KIT;
const ours = whole({ observations: [drone({ identity: at(1) })] });
const stock = whole({ observations: [drone({ identity: null })] });

function setUp() {
  const log = new MemoryLog();
  const clock = { ms: 0 };
  return { log, clock, quota: new Quota({ log, nowMs: () => clock.ms }) };
}

test('a kit that has fewer waiting than its quota is let in, however fast it sends', () => {
  const { quota, log } = setUp();
  for (let i = 0; i < 100_000; i += 1) assert.ok(quota.admits(KIT, i % 2 === 0 ? ours : stock, FULL - 1));
  assert.deepEqual(log.texts, []);
});

test('beyond it, what comes again is not stored at once, and the log says so once a minute', () => {
  const { quota, log, clock } = setUp();
  for (let i = 0; i < 1_000; i += 1) assert.equal(quota.admits(KIT, ours, FULL), false);
  assert.equal(quota.admits('wardragon-2', ours, 0), true);
  assert.equal(log.lines.length, 1);
  clock.ms = 60_000;
  quota.admits(KIT, ours, FULL);
  assert.deepEqual([log.lines.length, log.lines[1]?.fields], [2, { kit: KIT, messages: 1_000 }]);
});

test('of what does not come again 20,000 go beyond it, and 100 more with each second', () => {
  const { quota, clock } = setUp();
  for (let i = 0; i < 20_000; i += 1) assert.ok(quota.admits(KIT, stock, FULL), `${i}`);
  assert.equal(quota.admits(KIT, stock, FULL), false);
  clock.ms = 1_000;
  for (let i = 0; i < 100; i += 1) assert.ok(quota.admits(KIT, stock, FULL), `${i}`);
  assert.equal(quota.admits(KIT, stock, FULL), false);
  assert.ok(quota.admits('wardragon-2', stock, FULL), 'each kit has its own');
  clock.ms = 3_600_000;
  for (let i = 0; i < 20_000; i += 1) assert.ok(quota.admits(KIT, stock, FULL), 'never more than the whole');
  assert.equal(quota.admits(KIT, stock, FULL), false);
});

test('a status comes again; garbage does not, and belongs to nobody', () => {
  const { quota } = setUp();
  const status = whole({ reports: [report(1, [stream(1, 2)])] });
  assert.equal(quota.admits(KIT, status, FULL), false);
  assert.equal(
    quota.admits(KIT, whole({ contacts: [contact({ online: false })] }), FULL),
    true,
    'nobody says it again',
  );
  const garbage = whole({ rejects: [reject({ kitId: null, kind: null, identity: null })] });
  assert.equal(quota.admits('', garbage, FULL), true);
  assert.deepEqual([ours, garbage, status, whole({ contacts: [contact()] })].map(ownerOf), [KIT, '', KIT, KIT]);
});
