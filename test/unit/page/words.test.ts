// What the page says of numbers, times and outages.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Fleet } from '../../../src/page/fleet.js';
import { ago, bytes, duration, number, percent, position } from '../../../src/page/format.js';
import { noticesOf } from '../../../src/page/notices.js';
import type { ServerView } from '../../../src/page/server-watch.js';

describe('words', () => {
  test('durations have the unit that tells most', () => {
    assert.deepEqual([0, 59_400, 119_000, 121_000, 7_199_000, 7_260_000, 180_000_000].map(duration), [
      '0 s',
      '59 s',
      '119 s',
      '2 min',
      '119 min',
      '2 h 1 min',
      '2 d 2 h',
    ]);
    assert.equal(ago(null, 5), 'never');
    assert.equal(ago(0, 1_000), 'just now');
    assert.equal(ago(0, 20_000), '20 s ago');
    assert.equal(ago(9_000, 0), 'just now', 'a clock that runs ahead');
  });

  test('what is unknown is a dash and never a zero', () => {
    assert.deepEqual([number(null), percent(null), bytes(null), position(null, 1)], ['–', '–', '–', '–']);
    assert.equal(number(Number.NaN), '–');
    assert.equal(number(1_234.56, 1, 'm'), '1,234.6\u00a0m');
    assert.deepEqual([0, 999, 1_500, 2e9].map(bytes), ['0 B', '999 B', '1.5 kB', '2 GB']);
    assert.equal(position(-33.5, 151.2), '33.50000° S, 151.20000° E');
  });
});

describe('notices', () => {
  const live = { connected: true, sinceMs: 0 };
  const well: ServerView = {
    answers: true,
    silentSinceMs: null,
    broker: { ok: true, problem: null },
    database: { ok: true, problem: null },
    health: null,
  };
  const fleet: Fleet = { kits: [], asOfMs: 1_000, problem: null, loaded: true };
  const said = (...of: Parameters<typeof noticesOf>): string[] => noticesOf(...of).map(({ id }) => id);

  test('nothing is said while all is well', () => {
    assert.deepEqual(noticesOf(live, well, fleet, 60_000), []);
  });

  test('a broken stream is said after some seconds, a server that does not answer at once', () => {
    const broken = { connected: false, sinceMs: 10_000 };
    assert.deepEqual(said(broken, well, fleet, 12_000), []);
    assert.deepEqual(said(broken, well, fleet, 14_000), ['stream']);
    assert.deepEqual(said(live, { ...well, answers: false, silentSinceMs: 1 }, fleet, 1), ['stream']);
  });

  test('broker and database each say why, and how old what is shown is', () => {
    const down = { ok: false, problem: 'refused' };
    assert.deepEqual(said(live, { ...well, broker: down, database: down }, fleet, 1), ['broker', 'database']);
    const silent = { ...well, broker: down, database: down, answers: false, silentSinceMs: 1 };
    assert.deepEqual(said(live, silent, fleet, 1), ['stream'], 'of one that does not answer nobody knows');
    const [notice] = noticesOf(live, { ...well, database: down }, fleet, 1);
    assert.match(notice?.text ?? '', /refused.*as of .*lose nothing/);
    const [never] = noticesOf(live, { ...well, database: down }, { ...fleet, asOfMs: null }, 1);
    assert.match(never?.text ?? '', /Nothing could be read yet/);
  });

  test('a list of kits that could not be read is no database that is away', () => {
    const stale = { ...fleet, problem: 'no answer within 3 s' };
    const [notice, ...others] = noticesOf(live, well, stale, 1);
    assert.deepEqual([notice?.id, notice?.severity, others], ['kits', 'warning', []]);
    assert.match(notice?.text ?? '', /^The kit list could not be read: no answer within 3 s\. /);
    assert.deepEqual(said(live, { ...well, database: { ok: false, problem: 'refused' } }, stale, 1), ['database']);
  });
});
