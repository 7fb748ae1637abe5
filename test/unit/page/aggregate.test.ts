// What the timeline reads out of its buckets: rates, latencies, gaps, and what replays filled.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { lanes, latencies, ratesByKind, spans, totals } from '../../../src/page/timeline/aggregate.js';
import type { HistoryView } from '../../../src/page/timeline/history-view.js';
import type { Bucket } from '../../../src/schema/web/answers.js';

const MINUTE = 60_000;

function bucket(minute: number, fields: Partial<Bucket> = {}): Bucket {
  return { at: minute * MINUTE, kit_id: 'k', kind: 'drone', messages: 1, late: 0, latency_ms: null, ...fields };
}

function view(buckets: Bucket[], minutes: number, stepMs = MINUTE): HistoryView {
  return { fromMs: 0, toMs: minutes * MINUTE, stepMs, buckets, loaded: true, problem: null };
}

describe('rates', () => {
  test('are messages a minute by kind, with zeroes where nothing came', () => {
    const found = ratesByKind(view([bucket(1, { messages: 4 }), bucket(3, { kind: 'signal', messages: 2 })], 4), null);
    assert.deepEqual(
      found.times,
      [0, 1, 2, 3, 4].map((minute) => minute * MINUTE),
    );
    assert.deepEqual(found.series.drone, [0, 4, 0, 0, 0]);
    assert.deepEqual(found.series.signal, [0, 0, 0, 2, 0]);
  });

  test('are a minute’s also where a step is longer', () => {
    const found = ratesByKind(view([bucket(0, { messages: 50 })], 10, 5 * MINUTE), null);
    assert.deepEqual(found.series.drone, [10, 0, 0]);
  });

  test('are of one kit when one is chosen, and so are the totals', () => {
    const both = view([bucket(0), bucket(0, { kit_id: 'other', messages: 7 })], 1);
    assert.deepEqual(ratesByKind(both, 'other').series.drone, [7, 0]);
    assert.deepEqual(totals(both, 'other'), { drone: 7, aircraft: 0, signal: 0, system: 0 });
    assert.equal(totals(both, null).drone, 8);
  });
});

test('latency is the worst of all that came in a step, and unknown where nothing was live', () => {
  const measured = [
    bucket(0, { latency_ms: { p50: 5, max: 9 } }),
    bucket(0, { kind: 'signal', latency_ms: { p50: 3, max: 80 } }),
    bucket(1),
  ];
  assert.deepEqual(latencies(view(measured, 1), null), { times: [0, MINUTE], p50: [5, null], max: [80, null] });
});

describe('gaps and replays', () => {
  const filled = [bucket(0), bucket(1), bucket(5, { late: 1 }), bucket(6, { late: 1 }), bucket(7), bucket(12)];

  test('a gap is where a kit is silent between what it said, and after it', () => {
    const gaps = spans(view(filled, 20), []).filter(({ what }) => what === 'gap');
    assert.deepEqual(
      gaps.map(({ fromMs, toMs }) => [fromMs / MINUTE, toMs / MINUTE]),
      [
        [13, 20],
        [8, 12],
        [2, 5],
      ],
    );
  });

  test('a minute is none: messages do not come by the clock', () => {
    assert.deepEqual(spans(view([bucket(0), bucket(2), bucket(3)], 4), []), []);
  });

  test('what a replay brought is one span, with its messages', () => {
    assert.deepEqual(
      spans(view(filled, 12), []).filter(({ what }) => what === 'filled'),
      [{ kitId: 'k', what: 'filled', fromMs: 5 * MINUTE, toMs: 7 * MINUTE, messages: 2 }],
    );
  });

  const known = (kit_id: string, minute: number) => ({ kit_id, created_at: new Date(minute * MINUTE).toISOString() });

  test('a kit that the server knows is missed before its first word, and when it says none at all', () => {
    const kits = [known('k', 2), known('silent', -60), known('new', 9)];
    const seen = view([bucket(8), bucket(9)], 10);
    assert.deepEqual(
      spans(seen, kits).map(({ kitId, fromMs, toMs }) => [kitId, fromMs / MINUTE, toMs / MINUTE]),
      [
        ['silent', 0, 10],
        ['k', 2, 8],
      ],
    );
    assert.deepEqual(lanes(seen, kits).get('silent'), []);
    assert.deepEqual(spans({ ...seen, loaded: false }, kits), [], 'nothing is known yet');
  });

  test('each kit has a lane of its own', () => {
    const found = lanes(view([bucket(0), bucket(0, { kind: 'system', late: 1 }), bucket(0, { kit_id: 'a' })], 1), []);
    assert.deepEqual([...found.keys()], ['a', 'k']);
    assert.deepEqual(found.get('k'), [{ at: 0, messages: 2, late: 1 }]);
  });
});
