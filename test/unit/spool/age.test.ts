// max_age_h counts the time that a spool was open, whatever the clock says.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import type { Spool } from '../../../src/spool/spool.js';
import { tempFolder } from '../../fixtures/temp-folder.js';
import { MIB, open, rows } from './spools.js';

const HOUR_MS = 3_600_000;

describe('a row that is too old', () => {
  function begin(folder: string, maxHours = 10) {
    const clock = { monotonicMs: 0, wallMs: Date.now() };
    const reopen = (): Spool =>
      open(join(folder, 'spool.db'), {
        limits: { maxBytes: 64 * MIB, minFreeBytes: 0, maxAgeMs: maxHours * HOUR_MS, evict: 'reject-new' },
        now: () => clock.wallMs,
        monotonicMs: () => clock.monotonicMs,
      });
    return { clock, reopen };
  }

  test('is evicted on record, waiting, handed over or set aside, and no younger one is', (t) => {
    const { clock, reopen } = begin(tempFolder(t));
    const spool = reopen();
    t.after(() => spool.close());
    const [waiting, handed, aside] = spool.accept(rows(3));
    assert.ok(waiting && handed && aside);
    spool.handOver([handed]);
    spool.quarantine(aside, 'too large');
    for (let minute = 0; minute < 60; minute += 1) {
      clock.monotonicMs += 60_000;
      assert.equal(spool.maintain(), 0);
    }
    const young = spool.accept(rows(1));
    for (let minute = 0; minute < 9 * 60 + 7; minute += 1) {
      clock.monotonicMs += 60_000;
      spool.maintain();
    }
    assert.deepEqual(spool.read(0, 99, 9), young);
    assert.equal(spool.counts().quarantined, 0);
    const { evicted, evictedHandedOver } = spool.counts().classes.get(0) ?? {};
    assert.deepEqual([evicted, evictedHandedOver], [2, 1]);
    assert.deepEqual(spool.ledger()[0]?.evicted, [[1, 3]]);
  });

  test('has not aged by a clock that jumped, nor while the spool was closed', (t) => {
    const { clock, reopen } = begin(tempFolder(t));
    clock.wallMs = 0;
    let spool = reopen();
    spool.accept(rows(1));
    clock.wallMs = Date.now();
    for (let minute = 0; minute < 60; minute += 1) {
      clock.monotonicMs += 60_000;
      spool.maintain();
    }
    spool.close();
    clock.monotonicMs += 1_000 * HOUR_MS;
    spool = reopen();
    t.after(() => spool.close());
    clock.monotonicMs += HOUR_MS;
    assert.equal(spool.maintain(), 0);
  });

  test('ages also in a kit that never runs for long', (t) => {
    const { clock, reopen } = begin(tempFolder(t), 1);
    let spool = reopen();
    spool.accept(rows(1));
    for (let i = 0; i < 130; i += 1) {
      clock.monotonicMs += 30_000;
      spool.maintain();
      spool.close();
      spool = reopen();
    }
    clock.monotonicMs += 600_000;
    assert.equal(spool.maintain(), 1);
    spool.close();
  });
});
