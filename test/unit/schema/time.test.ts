// Microseconds, which a JavaScript Date does not have.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { isoMicros, toMicros } from '../../../src/schema/time.js';

/** 1970 to 2096. */
const micros = fc.integer({ min: 0, max: 4e15 });

describe('time', () => {
  test('reads what time.time() writes, to the microsecond', () => {
    assert.equal(toMicros(1795447810.151234), 1_795_447_810_151_234);
    assert.equal(toMicros(0), 0);
    assert.equal(toMicros(1795447810), 1_795_447_810_000_000);
    fc.assert(fc.property(micros, (us) => assert.equal(toMicros(Number((us / 1e6).toFixed(6))), us)));
  });

  test('writes ISO 8601 with six digits', () => {
    assert.equal(isoMicros(1_795_447_810_151_234), '2026-11-23T15:30:10.151234Z');
    assert.equal(isoMicros(7), '1970-01-01T00:00:00.000007Z');
    assert.equal(isoMicros(-1), '1969-12-31T23:59:59.999999Z');
    assert.equal(isoMicros(1_709_210_096_000_000), '2024-02-29T12:34:56.000000Z');
  });

  test('the text means the same instant, keeps the microseconds, and sorts as the instants do', () => {
    fc.assert(
      fc.property(micros, micros, (a, b) => {
        const text = isoMicros(a);
        assert.equal(Date.parse(text), Math.floor(a / 1_000));
        assert.equal(Number(text.slice(20, 26)), a % 1e6);
        assert.equal(Math.sign(a - b), text < isoMicros(b) ? -1 : Number(text > isoMicros(b)));
      }),
    );
  });
});
