// Messages as older documents have them, in the names of today.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { inTodaysForm } from '../../../src/schema/older-forms.js';
import { recordedMessages } from '../../fixtures/recordings.js';

describe('an older form', () => {
  test("of a signal (the guide's example) has today's names and units, and a uid", () => {
    const older = {
      seen_by: 'wardragon-abc123',
      freq_mhz: 433.92,
      power_dbm: -45,
      bandwidth_hz: 20_000_000,
      pal_conf: 0.95,
      ntsc_conf: 0.05,
      sensor_lat: 37.7749,
      signal_type: 'fpv',
    };
    assert.deepEqual(inTodaysForm('signal', older), {
      seen_by: 'wardragon-abc123',
      center_hz: 433_920_000,
      rssi: -45,
      bandwidth_hz: 20_000_000,
      pal: 0.95,
      ntsc: 0.05,
      sensor_lat: 37.7749,
      signal_type: 'fpv',
      uid: 'fpv-433.92MHz',
    });
  });

  test('of a signal may have its own id, and numbers as text', () => {
    const { uid, center_hz, bandwidth_hz } = inTodaysForm('signal', { id: 'x', freq_mhz: '5800', bandwidth_mhz: 20 });
    assert.deepEqual([uid, center_hz, bandwidth_hz], ['x', 5_800_000_000, 20_000_000]);
  });

  test('of a status is that of the API', () => {
    const older = { uid: 'wardragon-A', lat: 1, memory_total: 8, uptime: 9, last_update_time: 10.5, cpu_usage: 3 };
    assert.deepEqual(inTodaysForm('system', older), {
      id: 'wardragon-A',
      latitude: 1,
      memory_total_mb: 8,
      uptime_s: 9,
      updated: 10.5,
      cpu_usage: 3,
    });
  });

  test('never takes the place of what a message of today says', () => {
    const both = { uid: 'u', center_hz: 1, freq_mhz: 2, id: 'other' };
    assert.equal(inTodaysForm('signal', both), both);
  });

  test('is none of the recorded messages', () => {
    let seen = 0;
    for (const { topic, payload } of recordedMessages('main')) {
      const kind = /signals/.test(topic) ? 'signal' : /attrs$/.test(topic) ? 'system' : null;
      if (kind === null) continue;
      const message = JSON.parse(payload) as Record<string, unknown>;
      assert.equal(inTodaysForm(kind, message), message);
      seen += 1;
    }
    assert.ok(seen > 5, `${seen} messages`);
  });
});
