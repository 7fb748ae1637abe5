// What waits for the clock on one connection, and how it leaves.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { decodeFrame, STREAM_WIRE } from '../../../src/schema/stream-frame.js';
import { sessionHarness } from '../../fixtures/kit-session.js';

const OFFSET_S = 1_795_447_500;

describe('what was taken by a clock that was not set', () => {
  test('waits, as backlog and as what is new, and goes in its order when the offset is known', async (t) => {
    const clock = { sendUptoId: 0, offsetS: 0 };
    const kit = sessionHarness(t, { earlier: 3, clock });
    kit.hello();
    kit.accept(2);
    assert.deepEqual(kit.out, []);
    clock.sendUptoId = 2;
    kit.session.pump();
    assert.deepEqual(await kit.drain(), [1, 2]);
    clock.sendUptoId = Number.POSITIVE_INFINITY;
    kit.session.pump();
    assert.deepEqual((await kit.drain()).sort(), [1, 2, 3]);
    kit.accept(1);
    assert.deepEqual(await kit.drain(), [3]);
    assert.equal(kit.counts.resent, 0);
  });

  test('leaves corrected, the original beside, on its topic and in a frame; the row stays as it was', (t) => {
    for (const wire of ['topics', 'stream'] as const) {
      const kit = sessionHarness(t, {
        clock: { sendUptoId: Number.POSITIVE_INFINITY, offsetS: OFFSET_S },
        wires: { wire },
      });
      kit.hello({ wire: ['topics', STREAM_WIRE] });
      kit.accept(1);
      kit.session.hurry();
      const [sent] = kit.out;
      const text =
        wire === 'topics' ? sent?.payload.toString() : decodeFrame(sent?.payload ?? Buffer.alloc(0)).messages[0]?.text;
      const { observed_at, timestamp, sink } = JSON.parse(text ?? '{}') as Record<string, unknown>;
      assert.deepEqual([observed_at, timestamp], [OFFSET_S + 1.5, '2026-11-23T15:25:01.500000Z'], wire);
      assert.equal((sink as { observed_raw?: number }).observed_raw, 1.5);
      assert.match(kit.spool.read(0, 10, 1)[0]?.body ?? '', /"observed_at":1\.5/);
    }
  });
});
