// A server hands a kit its next certificate once it says that it still has an older one, and does not insist.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { OutgoingMessage } from '../../../src/base/mqtt-link.js';
import { ack } from '../../../src/schema/ack.js';
import { Renewals } from '../../../src/server/renewals.js';
import { toReport } from '../../../src/server/report.js';
import type { KitReport } from '../../../src/server/store.js';
import { MemoryLog } from '../../fixtures/memory-log.js';

const END = Date.parse('2027-01-01T00:00:00Z');
const HOUR_US = 3_600_000_000;

function report(kitId: string, certificateEndsAtMs?: number): KitReport {
  const rest = { opening: 'o', n: 1, listing: null, reconnects: 0, streams: [] };
  return { kitId, ...rest, ...(certificateEndsAtMs === undefined ? {} : { certificateEndsAtMs }) };
}

function setUp() {
  const sent: OutgoingMessage[] = [];
  let nowUs = 1_700_000_000_000_000;
  const renewals = new Renewals({
    newer: (kitId, endsAtMs) => (kitId === 'wardragon-A' && endsAtMs < END ? 'the next one' : null),
    storeId: 'store-1',
    publish: (message) => sent.push(message),
    nowUs: () => nowUs,
    log: new MemoryLog(),
  });
  const pass = (us: number): void => {
    nowUs += us;
  };
  return { renewals, sent, pass };
}

test('a kit that has an older one gets it on its own topic, not retained, in an acknowledgement of nothing', () => {
  const { renewals, sent } = setUp();
  renewals.look([report('wardragon-A', END - 1), report('wardragon-B', END - 1), report('wardragon-C')]);
  const [message, ...more] = sent;
  assert.equal(more.length, 0);
  assert.equal(message?.topic, 'wardragon/sink/wardragon-A/ack');
  assert.equal(message?.retain, false);
  const { acks, store_id, certificate } = ack.parse(JSON.parse(String(message?.payload)));
  assert.deepEqual([acks, store_id, certificate], [[], 'store-1', 'the next one']);
});

test('one that has it gets nothing, and one that can’t use it gets it again after an hour at the earliest', () => {
  const { renewals, sent, pass } = setUp();
  renewals.look([report('wardragon-A', END)]);
  assert.equal(sent.length, 0);
  for (let i = 0; i < 3; i += 1) renewals.look([report('wardragon-A', END - 1)]);
  assert.equal(sent.length, 1);
  pass(HOUR_US);
  renewals.look([report('wardragon-A', END - 1)]);
  assert.equal(sent.length, 2);
});

test('a kit says in its status when its certificate ends; nonsense there is no end', () => {
  const status = (certificate_ends_at: string) => ({
    ...{ v: 1 as const, kit_id: 'wardragon-A', version: '1', time: '', clock_offset_s: null, opening: 'o', n: 1 },
    ledger: [],
    spool: { waiting: 0, handed_over: 0, bytes: 0, oldest_at: null },
    counts: { accepted: 0, delivered: 0, resent: 0, refused: 0, evicted: {}, evicted_handed_over: {} },
    link: { connected: true, reconnects: 0, certificate_ends_at },
    source: { state: 'ok' },
  });
  assert.equal(toReport(status('2027-01-01T00:00:00.000Z')).certificateEndsAtMs, END);
  assert.equal(toReport(status('soon')).certificateEndsAtMs, undefined);
});
