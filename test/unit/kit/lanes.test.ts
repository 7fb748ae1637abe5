// What is sent next.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Lanes } from '../../../src/kit/lanes.js';
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
function drain(lanes: Lanes, backlogInFlight: number, window: number): [number, boolean][] {
  const taken: [number, boolean][] = [];
  for (let next = lanes.next(backlogInFlight, window); next; next = lanes.next(backlogInFlight, window)) {
    taken.push([next.row.id, next.replay]);
  }
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
    assert.deepEqual(lanes.next(2, 8)?.row.id, 1_001);
    assert.deepEqual(lanes.next(1, 8)?.row.id, 1);
  });

  test('the backlog keeps a quarter of the window however much is new', () => {
    const spool = rowsUpTo(100);
    const lanes = spool.lanes();
    spool.add(1_000);
    const inFlight: boolean[] = [];
    let backlogSent = 0;
    for (let i = 0; i < 200; i += 1) {
      const next = lanes.next(inFlight.filter(Boolean).length, 8);
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
    assert.equal(spool.lanes().next(0, 8), null);
    assert.equal(spool.reads, 0);
  });
});
