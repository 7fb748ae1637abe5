// The status fits on 80 x 24, whatever is in it.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { printable } from '../../../src/base/printable.js';
import type { StatusReport } from '../../../src/cli/status.js';
import { statusScreen } from '../../../src/cli/status-screen.js';
import { widthOf } from '../../../src/cli/terminal.js';
import { perKind } from '../../../src/schema/kinds.js';

const HOSTILE = `\u001b[2J\u202e${'\n无人机'.repeat(60)}\u009b31m`;

function report(text: string, many: number): StatusReport {
  return {
    running: true,
    v: 1,
    kit_id: text,
    version: text,
    time: text,
    clock_offset_s: many,
    opening: 'o',
    n: 1,
    ledger: [],
    spool: {
      waiting: many,
      waiting_by_kind: perKind(() => many),
      handed_over: many,
      quarantined: many,
      bytes: many,
      oldest_at: text,
    },
    counts: {
      accepted: many,
      delivered: many,
      resent: many,
      refused: many,
      evicted: perKind(() => many),
      evicted_handed_over: {},
    },
    link: { connected: true, reconnects: many, delivery: text, wire: text, store_id: text, served: true },
    source: { state: text },
  };
}

function assertFits(lines: readonly string[], columns: number, rows: number): void {
  assert.ok(lines.length <= rows, `${lines.length} lines`);
  for (const line of lines) {
    assert.ok(widthOf(line) <= columns, line);
    assert.equal(printable(line), line);
  }
}

describe('the status screen', () => {
  test('is never wider or higher than the terminal, whatever the ids, the numbers and the problems are', () => {
    for (const text of ['', 'x'.repeat(64), 'x '.repeat(300), HOSTILE]) {
      for (const many of [0, 1, Number.MAX_SAFE_INTEGER]) {
        const problems = Array.from({ length: 12 }, (_, i) => `${i} ${text}`);
        for (const [columns, rows] of [[80, 23], [80, 21], [40, 10], [20, 3]] as const) {
          assertFits(statusScreen(report(text, many), problems, { columns, rows }), columns, rows);
        }
      }
    }
  }); // biome-ignore format: sizes

  test('shows all of a few problems, on several lines where they are long', () => {
    const long = `not connected to the broker: ${'because '.repeat(15)}the end`;
    const lines = statusScreen(report('kit-1', 1), [long, 'another one'], { columns: 80, rows: 23 });
    const shown = lines.slice(lines.findIndex((line) => line.startsWith('problem')));
    assert.equal(shown.map((line) => line.slice(11)).join(' '), `${long} another one`);
    assert.equal(shown.filter((line) => line.startsWith('problem')).length, 2);
  });

  test('says how many problems it has no room for', () => {
    const problems = Array.from({ length: 30 }, (_, i) => `problem ${i}`);
    const lines = statusScreen(report('kit-1', 0), problems, { columns: 80, rows: 23 });
    assert.equal(lines.length, 23);
    const left = 30 - lines.filter((line) => line.startsWith('problem')).length;
    assert.equal(lines.at(-1), `           and ${left} more: dragonsink doctor, or status --json`);
  });

  test('says how far the clock is off, once it is more than GPS time is late by', () => {
    const clock = (offsetS: number): string =>
      statusScreen({ ...report('kit-1', 0), clock_offset_s: offsetS } as StatusReport, [], {
        columns: 80,
        rows: 23,
      }).join('\n');
    assert.match(clock(3_600.4), /^clock +3600 s behind GPS time/m);
    assert.match(clock(-60), /^clock +60 s ahead of GPS time/m);
    assert.doesNotMatch(clock(-2.5), /clock/);
    const waiting = { ...report('kit-1', 0), clock_waits_s: 61 } as StatusReport;
    assert.match(
      statusScreen(waiting, [], { columns: 100, rows: 23 }).join('\n'),
      /^clock +nobody says whether it is right: what is heard waits for GPS time or NTP, 2 min at most$/m,
    );
  });

  test('of a kit that is not running shows what its spool knows', () => {
    const { spool, counts, ledger } = report('', 3);
    const stopped = { running: false, kit_id: 'kit-1', ledger, spool, counts } as unknown as StatusReport;
    const text = statusScreen(stopped, [], { columns: 80, rows: 23 }).join('\n');
    assert.match(text, /^kit +kit-1\ndragonsink not running\naccepted +3$/m);
    assert.doesNotMatch(text, /link|DragonSync/);
  });
});
