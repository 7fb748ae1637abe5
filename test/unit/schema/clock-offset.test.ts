// The times of a message whose clock was wrong.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withClockOffset } from '../../../src/schema/clock-offset.js';

test('every time of the kit is moved, exactly to the microsecond, and what it was is told', () => {
  const message = {
    ...{ id: 'drone-1', observed_at: 312.151234, last_update_time: 312.25, timestamp: '1970-01-01T00:05:12.151234Z' },
    ...{ rid_timestamp: '24 min', speed: 5 },
  };
  assert.deepEqual(withClockOffset(message, 1_795_447_500), {
    message: {
      ...{ id: 'drone-1', observed_at: 1_795_447_812.151234, last_update_time: 1_795_447_812.25 },
      ...{ timestamp: '2026-11-23T15:30:12.151234Z', rid_timestamp: '24 min', speed: 5 },
    },
    observedRaw: 312.151234,
  });
  assert.equal(withClockOffset({ observed_at: 12.5, updated: 12 }, -2.5)?.message['updated'], 9);
  for (const none of [{}, { observed_at: null }, { observed_at: '12' }]) assert.equal(withClockOffset(none, 5), null);
});
