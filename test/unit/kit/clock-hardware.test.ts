// A clock that nobody but the hardware clock speaks for: not waited for, and not the last word.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { assertOffset, HOUR_MS, TestClock, TRUTH_MS } from '../../fixtures/test-clock.js';

describe('a clock that only the hardware clock speaks for', () => {
  const wrongMs = -2 * HOUR_MS;

  function booted(): TestClock {
    const kit = new TestClock(wrongMs);
    kit.witness = 'hardware';
    return kit;
  }

  test('is not waited for, and when NTP sets it, what went before is reported and what still waits is corrected', () => {
    const kit = booted();
    const early = kit.accept();
    assert.deepEqual([kit.waits, kit.clock.offsetOf(early), kit.log.lines.length], [false, 0, 0]);
    kit.wait(800_000).restart();
    kit.wrongMs = 0;
    const after = kit.wait(1_000).accept();
    assertOffset(kit.clock.offsetOf(early), wrongMs);
    assert.equal(kit.clock.offsetOf(after), 0);
    assertOffset(kit.clock.uncorrectedS, wrongMs);
    assert.equal(kit.log.texts.filter((text) => /neither GPS/.test(text)).length, 0);
    assert.equal(kit.log.texts.filter((text) => /known by now/.test(text)).length, 1);
  });

  test('is put right by GPS time', () => {
    const kit = booted();
    const early = kit.accept();
    const after = kit.wait(30_000).gps().accept();
    for (const row of [early, after]) assertOffset(kit.clock.offsetOf(row), wrongMs);
    assertOffset(kit.clock.uncorrectedS, wrongMs);
  });

  test('is right once NTP says so: who sets it after that does not know better about what came before', () => {
    const kit = booted();
    kit.wrongMs = 0;
    const row = kit.accept();
    kit.witness = 'ntp';
    kit.wait(1_000);
    assert.equal(kit.log.lines.length, 0);
    kit.wrongMs = HOUR_MS;
    kit.restart().wait(1_000);
    assert.deepEqual([kit.clock.offsetOf(row), kit.clock.uncorrectedS], [0, 0]);
  });

  test('is doubted for a boot in the future, until NTP or GPS time knows that it was none', () => {
    for (const knows of ['ntp', 'gps']) {
      const kit = new TestClock(TRUTH_MS - Date.UTC(2038, 0, 19));
      kit.witness = 'hardware';
      kit.accept();
      kit.wrongMs = 0;
      kit.boot('boot-2').accept();
      assert.equal(kit.waits, true);
      if (knows === 'ntp') kit.witness = 'ntp';
      else kit.gps();
      kit.wait(1_000);
      assert.equal(kit.waits, false, knows);
      kit.witness = 'hardware';
      kit.boot('boot-3').uptimeMs += 10_000;
      kit.accept();
      assert.equal(kit.waits, false, `${knows} at boot-3`);
    }
  });
});

test('what an earlier version has written down, with dashes in the id of the boot, is of this boot', () => {
  const kit = new TestClock(HOUR_MS);
  kit.witness = null;
  kit.accept();
  const note = kit.notes.get('clock') ?? '';
  kit.notes.set('clock', note.replaceAll('boot1', 'bo-ot1'));
  assert.match(kit.notes.get('clock') ?? '', /bo-ot1/);
  assert.equal(kit.restart().waits, true);
});
