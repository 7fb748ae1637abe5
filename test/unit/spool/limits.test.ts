// What a spool does at its limits: it never grows past them, and each thing it gives up is on record.
import assert from 'node:assert/strict';
import { readdirSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { describe, test } from 'node:test';
import { SpoolError } from '../../../src/base/errors.js';
import { readSqlite } from '../../../src/base/sqlite.js';
import type { OpenSpoolOptions } from '../../../src/spool/open-spool.js';
import type { Spool, SpoolRow } from '../../../src/spool/spool.js';
import { tempFolder } from '../../fixtures/temp-folder.js';
import { ids, MIB, open, openFor, rows } from './spools.js';

type Limits = OpenSpoolOptions['limits'];
const small: Limits = { maxBytes: 8 * MIB, minFreeBytes: 0, maxAgeMs: null, evict: 'priority' };

function evictedOf(spool: Spool): Record<number, number> {
  return Object.fromEntries([...spool.counts().classes].map(([c, { evicted }]) => [c, evicted]));
}

/** Of everything that belongs to the spool, as `ls` sees it. */
function bytesInFolder(path: string): number {
  const own = readdirSync(dirname(path)).filter((name) => name.startsWith(basename(path)) && !name.endsWith('.lock'));
  return own.reduce((sum, name) => sum + statSync(join(dirname(path), name)).size, 0);
}

describe('a full spool', () => {
  test('evicts all aircraft, then system, signals, drones, the oldest first within each', (t) => {
    const spool = openFor(t, { limits: small });
    for (const c of [0, 2, 3, 1]) for (let i = 0; i < 20; i += 1) spool.accept(rows(30, c, 1_000));
    const order: number[] = [];
    let before = evictedOf(spool);
    while (order.length < 4) {
      spool.accept(rows(10, 0, 1_000));
      const now = evictedOf(spool);
      for (const c of [1, 3, 2, 0]) if (now[c] !== before[c] && !order.includes(c)) order.push(c);
      before = now;
    }
    assert.deepEqual(order, [1, 3, 2, 0]);
    for (const { class: c, floor, next, evicted } of spool.ledger()) {
      const gone = before[c] ?? 0;
      assert.deepEqual(evicted, gone === 0 ? [] : [[1, gone]], `class ${c}`);
      assert.equal(floor, c === 0 ? gone + 1 : next);
    }
  });

  test('evicts about as many as come in', (t) => {
    const spool = openFor(t, { limits: small });
    while ((evictedOf(spool)[0] ?? 0) === 0) spool.accept(rows(10, 0, 1_000));
    const { classes } = spool.counts();
    const full = classes.get(0)?.waiting ?? 0;
    for (let i = 0; i < 100; i += 1) {
      spool.accept(rows(1, 0, 1_000));
      const waiting = spool.counts().classes.get(0)?.waiting ?? 0;
      assert.ok(Math.abs(waiting - full) <= 150, `${waiting} of ${full} are left`);
    }
  });

  test('with `oldest` evicts whatever came first, across the kinds', (t) => {
    const spool = openFor(t, { limits: { ...small, evict: 'oldest' } });
    const accepted: SpoolRow[] = [];
    for (let i = 0; i < 300; i += 1) accepted.push(...spool.accept([...rows(20, 0, 1_000), ...rows(20, 1, 1_000)]));
    const left = ids(spool.read(0, Number.MAX_SAFE_INTEGER, 10_000));
    assert.ok(left.length < accepted.length);
    assert.deepEqual(left, ids(accepted.slice(-left.length)));
  });

  test('with `reject-new` takes nothing more, says so, and takes again after a delivery', (t) => {
    const spool = openFor(t, { limits: { ...small, evict: 'reject-new' } });
    const taken: SpoolRow[] = [];
    const fill = (): void => {
      for (;;) taken.push(...spool.accept(rows(20, 0, 1_000)));
    };
    assert.throws(fill, (error: unknown) => error instanceof SpoolError && error.code === 'full' && error.retryable);
    assert.equal(spool.counts().waiting, taken.length);
    assert.equal(spool.counts().classes.get(0)?.evicted, 0);
    spool.deliver(taken.slice(0, 200));
    assert.equal(spool.accept(rows(20, 0, 1_000)).length, 20);
  });

  test('evicts what is set aside with its kind: a quarantine never makes it refuse', (t) => {
    const spool = openFor(t, { limits: small });
    for (let i = 0; i < 200; i += 1) {
      for (const row of spool.accept(rows(2, 1, 20_000))) spool.quarantine(row, 'too large');
    }
    const { quarantined, classes } = spool.counts();
    assert.ok(quarantined > 0 && quarantined < 400);
    assert.equal(classes.get(1)?.evicted, 400 - quarantined);
    const [stream] = spool.ledger();
    assert.deepEqual(stream?.evicted, [[1, 400 - quarantined]]);
    assert.deepEqual(stream?.quarantined, [[401 - quarantined, 400]]);
  });

  for (const [maxMib, batch, bodyBytes] of [
    [1, 40, 1_000],
    [2, 3, 30_000],
    [16, 3_000, 900],
    [40, 20_000, 1_500],
  ] as const) {
    test(`never takes more than ${maxMib} MiB, nor its WAL more than its share, with ${batch} rows a call`, (t) => {
      const path = join(tempFolder(t), 'spool.db');
      const maxBytes = maxMib * MIB;
      const spool = open(path, { limits: { ...small, maxBytes } });
      t.after(() => spool.close());
      let accepted = 0;
      for (let i = 0; accepted * bodyBytes < 1.5 * maxBytes; i += 1) {
        const given = rows(batch, i % 4, bodyBytes).map((row) => ({ ...row, thing: `${i} ${row.thing}` }));
        accepted += spool.accept(given).length;
        assert.ok(bytesInFolder(path) <= maxBytes, `${bytesInFolder(path)} bytes`);
        assert.ok(statSync(`${path}-wal`).size <= 8 * MIB);
        spool.release(spool.ledger().slice(-1).map(({ epoch, class: c, floor }) => ({ epoch, class: c, ranges: [[floor, floor + 5]] }))); // biome-ignore format: short
      }
      assert.ok((evictedOf(spool)[0] ?? 0) + (evictedOf(spool)[1] ?? 0) > 0);
    });
  }

  test('accepts what it can of a call that is too much for it, and says how much', (t) => {
    const spool = openFor(t, { limits: { ...small, evict: 'reject-new' } });
    const given = rows(10_000, 0, 1_000);
    const accepted = spool.accept(given);
    assert.ok(accepted.length > 1_000 && accepted.length < 10_000, `${accepted.length}`);
    assert.equal(spool.lastMark(0, 'thing-0'), '0');
    assert.equal(spool.lastMark(0, given[accepted.length]?.thing ?? ''), null);
    assert.throws(() => spool.accept(given.slice(accepted.length)), { code: 'full' });
  });

  test('refuses a row that is larger than anything a broker takes, and gives nothing up for it', (t) => {
    const spool = openFor(t, { limits: small });
    spool.accept(rows(10));
    assert.throws(() => spool.accept(rows(1, 0, spool.maxBodyBytes)), { code: 'too-large' });
    assert.equal(spool.counts().waiting, 10);
    assert.equal(spool.accept(rows(1, 0, spool.maxBodyBytes - 100)).length, 1);
  });

  test('does not grow past its limit when a reader keeps the WAL from starting anew, and says so', (t) => {
    const path = join(tempFolder(t), 'spool.db');
    const spool = open(path, { limits: { ...small, maxBytes: 16 * MIB } });
    t.after(() => spool.close());
    spool.accept(rows(10));
    const reader = readSqlite(path);
    reader.exec('BEGIN');
    reader.prepare('SELECT count(*) FROM message_0').get();
    const fill = (): void => {
      for (;;) {
        spool.accept(rows(20, 0, 1_000));
        assert.ok(bytesInFolder(path) <= 16 * MIB);
      }
    };
    assert.throws(
      fill,
      (error: unknown) => error instanceof SpoolError && /another program reads/.test(`${error.hint}`),
    );
    reader.exec('COMMIT');
    reader.close();
    for (let i = 0; i < 20; i += 1) spool.accept(rows(1_000, 0, 1_000));
    assert.ok(bytesInFolder(path) <= 16 * MIB);
  });
});

describe('min_free_mb', () => {
  const nothingFree: Limits = { ...small, maxBytes: 64 * MIB, minFreeBytes: Number.MAX_SAFE_INTEGER, evict: 'oldest' };

  test('with less left on the disk the spool stops growing, each new row evicting about one', (t) => {
    const path = join(tempFolder(t), 'spool.db');
    const first = open(path);
    for (let i = 0; i < 200; i += 1) first.accept(rows(50, 0, 1_000));
    first.close();
    const { size } = statSync(path);
    const spool = open(path, { limits: nothingFree });
    t.after(() => spool.close());
    for (let i = 0; i < 400; i += 1) spool.accept(rows(10, 0, 1_000));
    assert.ok(statSync(path).size <= size + 64 * 1024);
    const { waiting } = spool.counts();
    assert.ok(waiting > 9_500, `${waiting} of 10,000 are left: it must not empty itself for a disk that stays full`);
  });

  test('leaves the spool a little to work with, or nothing could be passed on', (t) => {
    const spool = openFor(t, { limits: nothingFree });
    for (let i = 0; i < 300; i += 1) assert.equal(spool.accept(rows(50, 0, 1_000)).length, 50);
    const { bytes, waiting } = spool.counts();
    assert.ok(waiting > 1_000, `${waiting}`);
    assert.ok(bytes < 13 * MIB, `${bytes}`);
  });
});

describe('a spool whose limit was lowered, or that has drained', () => {
  /** As the kit does once a minute. */
  function maintain(spool: Spool): number {
    let evicted = 0;
    for (let i = 0; i < 50; i += 1) evicted += spool.maintain();
    return evicted;
  }

  test('shrinks to the new one, by evicting on record', (t) => {
    const path = join(tempFolder(t), 'spool.db');
    const first = open(path);
    for (let i = 0; i < 200; i += 1) first.accept([...rows(50, 0, 1_000), ...rows(50, 1, 1_000)]);
    first.close();
    const spool = open(path, { limits: { ...small, maxBytes: 16 * MIB } });
    t.after(() => spool.close());
    const evicted = maintain(spool);
    assert.ok(spool.counts().bytes <= 16 * MIB, `${spool.counts().bytes}`);
    assert.deepEqual(evictedOf(spool), { 0: evicted - 10_000, 1: 10_000, 2: 0, 3: 0 });
    assert.equal(spool.accept(rows(50, 0, 1_000)).length, 50);
    assert.ok(bytesInFolder(path) <= 16 * MIB);
  });

  test('gives its space back to the disk when it is empty, and nothing is evicted for it', (t) => {
    const path = join(tempFolder(t), 'spool.db');
    const spool = open(path, { limits: { ...small, maxBytes: 128 * MIB } });
    t.after(() => spool.close());
    const accepted = spool.accept(rows(40_000, 0, 1_000));
    spool.deliver(accepted.slice(100));
    assert.equal(maintain(spool), 0);
    assert.ok(spool.counts().bytes < 48 * MIB, `${spool.counts().bytes}`);
    assert.equal(spool.counts().waiting, 100);
  });
});
