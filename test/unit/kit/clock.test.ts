// What the kit knows of its clock, on clocks of the test's own: one that jumps, and the time since the boot, which does not.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { exportLines } from '../../../src/kit/export.js';
import type { SpoolView } from '../../../src/spool/spool.js';
import { assertOffset, HOUR_MS, TestClock, TRUTH_MS } from '../../fixtures/test-clock.js';

describe('a clock that is right', () => {
  test('holds nothing back and corrects nothing, with GPS time and without', () => {
    const kit = new TestClock(0);
    const row = kit.accept();
    assert.deepEqual([kit.clock.sendUptoId, kit.clock.offsetOf(row), kit.clock.offsetS], [Infinity, 0, null]);
    const next = kit.wait(30_000).gps().accept();
    assert.deepEqual([kit.clock.offsetOf(next), kit.clock.offsetS, kit.log.lines.length], [0, -2.5, 0]);
  });

  test('that is kept right in small steps stays one', () => {
    const kit = new TestClock(0);
    for (let i = 0; i < 500; i += 1) {
      kit.wrongMs = i % 2 === 0 ? 2_500 : 0;
      kit.wait(30_000).gps().accept();
    }
    assert.equal(JSON.parse(kit.notes.get('clock') ?? '[]').length, 1);
  });
});

describe('a kit that boots in 1970', () => {
  const wrongMs = TRUTH_MS - 300_000;

  test('waits for GPS time, and corrects by it what it heard before', () => {
    const kit = new TestClock(wrongMs);
    const rows = [kit.accept(), kit.accept()];
    assert.deepEqual([kit.clock.sendUptoId, kit.clock.isWaiting(1), kit.clock.offsetS], [0, true, null]);
    assert.equal(kit.log.texts.filter((text) => /waits for GPS time/.test(text)).length, 1);
    rows.push(kit.wait(30_000).gps().accept());
    assert.equal(kit.clock.sendUptoId, Number.POSITIVE_INFINITY);
    for (const row of rows) assertOffset(kit.clock.offsetOf(row), wrongMs);
    assertOffset(kit.clock.offsetS ?? 0, wrongMs);
  });

  test('says so, whoever waits for it', async () => {
    const kit = new TestClock(wrongMs);
    kit.accept();
    kit.gps().wait(0);
    await Promise.resolve();
    assert.equal(kit.known, 1);
  });

  test('learns it from the clock being set, without any GPS', () => {
    const kit = new TestClock(wrongMs);
    const early = kit.accept();
    kit.wait(20_000);
    kit.wrongMs = 0;
    const late = kit.accept(1_000, wrongMs);
    const after = kit.wait(1_000).accept();
    assertOffset(kit.clock.offsetOf(early), wrongMs);
    assertOffset(kit.clock.offsetOf(late), wrongMs);
    assert.equal(kit.clock.offsetOf(after), 0);
    assert.equal(kit.clock.sendUptoId, Number.POSITIVE_INFINITY);
  });

  test('gives up after 10 minutes, and tells the server when it learns it later; besides, how it is now', () => {
    const kit = new TestClock(wrongMs);
    const early = kit.accept();
    kit.wait(599_000);
    assert.deepEqual([kit.clock.sendUptoId, kit.clock.waitsForS], [0, 1]);
    kit.wait(1_000);
    assert.equal(kit.clock.waitsForS, 0);
    assert.deepEqual([kit.clock.sendUptoId, kit.clock.offsetOf(early), kit.clock.offsetS], [Infinity, 0, null]);
    const next = kit.accept();
    assert.equal(kit.clock.isWaiting(next.id), false, 'nor does it wait again');
    kit.gps().wait(1_000);
    assertOffset(kit.clock.offsetS ?? 0, wrongMs);
    kit.wrongMs = 0;
    kit.wait(60_000).gps().wait(1_000);
    for (const row of [early, next]) assertOffset(kit.clock.offsetOf(row), wrongMs);
    assertOffset(kit.clock.uncorrectedS, wrongMs);
    assert.equal(kit.clock.offsetS, -2.5);
  });

  test('names the epochs of all that left uncorrected, also of a process before', () => {
    const kit = new TestClock(wrongMs);
    kit.accept();
    kit.epoch = '0000000100000001';
    kit.wait(600_000).restart();
    kit.epoch = null;
    kit.accept();
    kit.epoch = '0000000200000001';
    kit.gps().wait(1_000);
    assert.deepEqual(kit.clock.uncorrectedEpochs, ['0000000100000001', '0000000200000001']);
  });

  test('goes on waiting after a restart, and not after another boot, when nobody can know it any more', () => {
    const kit = new TestClock(wrongMs);
    const row = kit.accept();
    kit.restart();
    assert.deepEqual([kit.clock.sendUptoId, kit.clock.isWaiting(row.id)], [0, true]);
    kit.gps().wait(1_000);
    assertOffset(kit.clock.offsetOf(row), wrongMs);
    kit.restart();
    const next = kit.accept();
    assert.equal(kit.waits, false, 'what is known of this boot stays known');
    assertOffset(kit.clock.offsetOf(next), wrongMs);
    assertOffset(kit.clock.offsetS ?? 0, wrongMs);
    const again = new TestClock(wrongMs);
    again.accept();
    again.restart('boot-2');
    assert.equal(again.clock.isWaiting(1), false);
  });

  test('does not take for GPS time what comes without a fix, is old, or is none', () => {
    const kit = new TestClock(wrongMs);
    kit.accept();
    const none = [
      ...[{ gps_fix: false }, { time_source: 'static' }, { gpsd_time_utc: 'N/A' }, { gpsd_time_utc: '' }],
      ...[{ last_update_time: kit.nowMs / 1_000 - 600 }, { gpsd_time_utc: '1980-01-06T00:00:00Z' }],
    ];
    for (const fields of none) kit.gps(fields).wait(1_000);
    assert.deepEqual([kit.clock.sendUptoId, kit.clock.offsetS], [0, null]);
  });
});

describe('a kit that boots where it was switched off, hours ago', () => {
  const wrongMs = 5 * HOUR_MS;

  function booted(): TestClock {
    const kit = new TestClock(wrongMs);
    kit.witness = null;
    return kit;
  }

  test('waits for GPS time, and corrects by it what it heard before', () => {
    const kit = booted();
    const rows = [kit.accept(), kit.accept()];
    assert.deepEqual([kit.waits, kit.clock.isWaiting(1), kit.clock.waitsForS], [true, true, 540]);
    rows.push(kit.wait(30_000).gps().accept());
    assert.equal(kit.waits, false);
    for (const row of rows) assertOffset(kit.clock.offsetOf(row), wrongMs);
    assert.equal(kit.clock.uncorrectedS, 0);
  });

  test('learns it from NTP setting the clock, without any GPS', () => {
    const kit = booted();
    const early = kit.accept();
    kit.wrongMs = 0;
    const after = kit.wait(20_000).accept();
    assert.equal(kit.waits, false);
    assertOffset(kit.clock.offsetOf(early), wrongMs);
    assert.equal(kit.clock.offsetOf(after), 0);
    kit.wait(700_000);
    assert.equal(kit.clock.offsetOf(kit.accept()), 0);
  });

  test('takes a small step for no proof: what sets a clock right moves it by more than it may be off', () => {
    const kit = booted();
    kit.accept();
    kit.wrongMs -= 5_000;
    kit.wait(1_000);
    assert.equal(kit.waits, true);
  });

  test('takes the clock as it is 10 minutes after the boot, for once, and corrects what has not left when it learns it', () => {
    const kit = booted();
    const early = kit.accept();
    kit.wait(539_000);
    assert.equal(kit.waits, true);
    kit.wait(1_000);
    const next = kit.accept();
    assert.deepEqual([kit.waits, kit.clock.offsetOf(early), kit.clock.offsetOf(next)], [false, 0, 0]);
    const later = kit.restart().accept();
    assert.equal(kit.waits, false);
    assert.equal(kit.log.texts.filter((text) => /taken as it is/.test(text)).length, 1);
    kit.wait(HOUR_MS).gps().wait(1_000);
    for (const row of [early, next, later]) assertOffset(kit.clock.offsetOf(row), wrongMs);
    assertOffset(kit.clock.uncorrectedS, wrongMs);
  });

  test('is not believed for a hardware clock that shows a time of before the last boot', () => {
    const kit = new TestClock(0);
    kit.witness = 'hardware';
    kit.accept();
    kit.wrongMs = wrongMs;
    kit.boot('boot-2').accept();
    assert.equal(kit.waits, true);
    assertOffset(kit.clock.offsetOf(kit.gps().accept()), wrongMs);
    kit.boot('boot-3').accept();
    assert.equal(kit.waits, true, 'nor in the boot after that');
  });
});

describe('a clock that is right, and nothing says so at first', () => {
  function booted(): TestClock {
    const kit = new TestClock(0);
    kit.witness = null;
    return kit;
  }

  test('waits for NTP to say so, and for nothing more after a restart in that boot', async () => {
    const kit = booted();
    const row = kit.accept();
    assert.equal(kit.waits, true);
    kit.witness = 'ntp';
    kit.wait(20_000);
    await Promise.resolve();
    assert.deepEqual([kit.waits, kit.clock.offsetOf(row), kit.known], [false, 0, 1]);
    kit.witness = null;
    kit.restart().accept();
    assert.equal(kit.waits, false);
    kit.boot('boot-2').accept();
    assert.equal(kit.waits, true, 'another boot began with another time');
  });

  test('waits for nothing with GPS time at once, nor long after the boot', () => {
    const kit = booted();
    kit.gps().accept();
    assert.deepEqual([kit.waits, kit.log.lines.length], [false, 0]);
    const late = booted();
    late.uptimeMs = HOUR_MS;
    late.accept();
    assert.equal(late.waits, false);
  });
});

describe('a clock that goes wrong under way', () => {
  test('by an hour back: GPS time of before tells at once, also of what was heard just before', () => {
    const kit = new TestClock(0);
    kit.accept();
    kit.gps().wait(30_000);
    const before = kit.accept();
    kit.wrongMs = HOUR_MS;
    const late = kit.accept(2_000, 0);
    const after = kit.accept();
    assert.deepEqual([kit.clock.offsetOf(before), kit.clock.offsetOf(late)], [0, 0]);
    assertOffset(kit.clock.offsetOf(after), HOUR_MS);
    assert.equal(kit.clock.sendUptoId, Number.POSITIVE_INFINITY);
    kit.wrongMs = 0;
    assert.equal(kit.clock.offsetOf(kit.wait(60_000).accept()), 0);
  });

  test('slowly: each row is corrected by what the clock was off then', () => {
    const kit = new TestClock(0);
    const rows: [ReturnType<TestClock['accept']>, number][] = [];
    for (let i = 0; i < 2_000; i += 1) {
      kit.wrongMs += 300;
      kit.wait(30_000).gps();
      rows.push([kit.accept(), kit.wrongMs]);
    }
    for (const [row, wrongMs] of rows.slice(-500)) assertOffset(kit.clock.offsetOf(row), wrongMs);
    assert.ok((kit.notes.get('clock') ?? '').length < 30_000);
  });

  test('in steps: what was observed before one that is tolerated is not taken for what came before one that is not', () => {
    const kit = new TestClock(0);
    kit.gps().accept();
    kit.wrongMs = 14_000;
    kit.wait(1_000).accept();
    kit.wrongMs = 21_000;
    assertOffset(kit.clock.offsetOf(kit.wait(1_000).accept(500, 14_000)), 14_000);
  });

  test('into 2038 from the start', () => {
    const wrongMs = TRUTH_MS - Date.UTC(2038, 0, 19, 3, 14, 7);
    const kit = new TestClock(wrongMs);
    const first = kit.gps().accept();
    assertOffset(kit.clock.offsetOf(first), wrongMs);
    assertOffset(kit.clock.offsetS ?? 0, wrongMs);
  });
});

test('what is exported from the spool is corrected as it would be when it is sent', () => {
  const wrongMs = TRUTH_MS - 300_000;
  const kit = new TestClock(wrongMs);
  const row = kit.accept();
  kit.gps().wait(1_000);
  const rows = [{ ...row, class: 0, epoch: '0000000100000001', seq: 1, handedOver: false, reason: null }];
  const view = {
    kitId: () => 'kit-1',
    note: (name: string) => kit.notes.get(name) ?? null,
    lastId: () => 1,
    readEverything: (afterId: number) => rows.filter(({ id }) => id > afterId),
  } as unknown as SpoolView;
  const [, line = ''] = exportLinesOf(view);
  const { message } = JSON.parse(line) as { message: { observed_at: number; sink: Record<string, unknown> } };
  assertOffset(message.observed_at - Number(message.sink['observed_raw']), wrongMs);
  assert.equal(message.sink['replay'], true);
});

function exportLinesOf(view: SpoolView): string[] {
  return [...exportLines(view, TRUTH_MS)].join('').split('\n');
}
