// What is sent next.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Lanes, type NextRow } from '../../../src/kit/lanes.js';
import type { SpoolRow } from '../../../src/spool/spool.js';

/** A spool's reading side: rows 1..count, and more to come. */
function rowsUpTo(count: number): {
  add(n: number): void;
  lanes(skip?: (row: SpoolRow) => boolean): Lanes;
  reads: number;
} {
  const rows: SpoolRow[] = [];
  const add = (n: number): void => {
    for (let i = 0; i < n; i += 1) {
      const id = rows.length + 1;
      rows.push({ id, class: 0, epoch: '0000000100000000', seq: id, body: '{}', acceptedAtMs: 0 });
    }
  };
  add(count);
  const made = {
    add,
    reads: 0,
    lanes: (skip = (_: SpoolRow) => false) =>
      new Lanes({
        read: (afterId, uptoId, limit) => {
          made.reads += 1;
          return rows.filter(({ id }) => id > afterId && id <= uptoId).slice(0, limit);
        },
        lastId: () => rows.length,
        skip,
      }),
  };
  return made;
}

/** Takes everything, with `inFlight` of the backlog always on their way. */
function drain(lanes: Lanes, backlogInFlight: number, window: number, mayBacklog = true): [number, boolean][] {
  const taken: [number, boolean][] = [];
  const next = (): NextRow | null => lanes.next({ backlogInFlight, window, mayBacklog, mayLive: true });
  for (let one = next(); one !== null; one = next()) taken.push([one.row.id, one.replay]);
  return taken;
}

describe('lanes', () => {
  test('what waits when the connection begins is a replay, what comes after is not', () => {
    const spool = rowsUpTo(2);
    const lanes = spool.lanes();
    spool.add(2);
    assert.deepEqual(drain(lanes, 0, 8), [[1, true], [2, true], [3, false], [4, false]]); // biome-ignore format: a table
    spool.add(1);
    assert.deepEqual(drain(lanes, 0, 8), [[5, false]]);
  });

  test('a new message overtakes a backlog of any size once the backlog has its share', () => {
    const spool = rowsUpTo(1_000);
    const lanes = spool.lanes();
    spool.add(1);
    assert.deepEqual(lanes.next({ backlogInFlight: 2, window: 8, mayBacklog: true, mayLive: true })?.row.id, 1_001);
    assert.deepEqual(lanes.next({ backlogInFlight: 1, window: 8, mayBacklog: true, mayLive: true })?.row.id, 1);
  });

  test('the backlog keeps a quarter of the window however much is new', () => {
    const spool = rowsUpTo(100);
    const lanes = spool.lanes();
    spool.add(1_000);
    const inFlight: boolean[] = [];
    let backlogSent = 0;
    for (let i = 0; i < 200; i += 1) {
      const next = lanes.next({
        backlogInFlight: inFlight.filter(Boolean).length,
        window: 8,
        mayBacklog: true,
        mayLive: true,
      });
      assert.ok(next);
      if (next.replay) backlogSent += 1;
      inFlight.push(next.replay);
      if (inFlight.length === 8) inFlight.shift();
    }
    assert.ok(backlogSent >= 50, `${backlogSent} of 200`);
  });

  test('the backlog has the whole window when nothing is new', () => {
    assert.equal(drain(rowsUpTo(300).lanes(), 100, 8).length, 300);
  });

  test('passes over what is on its way, without reading it twice', () => {
    const spool = rowsUpTo(450);
    const taken = drain(
      spool.lanes((row) => row.id % 2 === 0),
      0,
      8,
    );
    assert.deepEqual(taken.map(([id]) => id), Array.from({ length: 225 }, (_, i) => 2 * i + 1)); // biome-ignore format: short
    assert.equal(spool.reads, 5);
  });

  test('an empty spool has nothing to send, and is not read for it', () => {
    const spool = rowsUpTo(0);
    assert.equal(spool.lanes().next({ backlogInFlight: 0, window: 8, mayBacklog: true, mayLive: true }), null);
    assert.equal(spool.reads, 0);
  });

  test('a backlog that may not go waits, and what is new goes all the same', () => {
    const spool = rowsUpTo(3);
    const lanes = spool.lanes();
    spool.add(1);
    assert.deepEqual(drain(lanes, 0, 8, false), [[4, false]]);
    assert.deepEqual(drain(lanes, 0, 8).map(([id]) => id), [1, 2, 3]); // biome-ignore format: short
  });

  test('what is sent again comes before the rest of the backlog, as a replay', () => {
    const spool = rowsUpTo(3);
    const lanes = spool.lanes();
    const first = lanes.next({ backlogInFlight: 0, window: 8, mayBacklog: true, mayLive: true });
    assert.ok(first);
    lanes.again(first.row);
    assert.deepEqual(drain(lanes, 0, 8), [[1, true], [2, true], [3, true]]); // biome-ignore format: a table
  });

  test('what is gone from the spool is not sent, though it was read ahead', () => {
    const spool = rowsUpTo(4);
    const lanes = spool.lanes();
    lanes.next({ backlogInFlight: 0, window: 8, mayBacklog: true, mayLive: true });
    lanes.drop(new Set([2, 4]));
    assert.deepEqual(drain(lanes, 0, 8), [[3, true]]);
  });
});
