// Rows that a broker has and no server ever had: kept, passed over, the first to go, and back at once when a server comes.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { viewSpool } from '../../../src/spool/open-spool.js';
import { tempFolder } from '../../fixtures/temp-folder.js';
import { EMPTY_COUNTS, MIB, open, openFor, rows, seqs } from './spools.js';

const ALL = Number.MAX_SAFE_INTEGER;

describe('handed over rows', () => {
  test('are not read again, also not after an opening, until all are taken back', (t) => {
    const path = join(tempFolder(t), 'spool.db');
    const first = open(path);
    const accepted = first.accept(rows(6));
    first.handOver([...accepted.slice(0, 2), ...accepted.slice(3, 5)]);
    assert.deepEqual(seqs(first.read(0, ALL, 9)), [3, 6]);
    first.close();
    const spool = open(path);
    t.after(() => spool.close());
    assert.deepEqual(seqs(spool.read(0, ALL, 9)), [3, 6]);
    assert.deepEqual(spool.counts().classes.get(0), { ...EMPTY_COUNTS, accepted: 6, waiting: 2, handedOver: 4 });
    assert.equal(spool.ledger()[0]?.floor, 1);
    spool.takeBack();
    assert.deepEqual(seqs(spool.read(0, ALL, 9)), [1, 2, 3, 4, 5, 6]);
    assert.equal(spool.counts().handedOver, 0);
  });

  test('all wait again with the first database the kit is bound to', (t) => {
    const spool = openFor(t);
    spool.handOver(spool.accept(rows(3)));
    spool.setStoreId('a');
    assert.equal(spool.counts().waiting, 3);
    spool.handOver(spool.read(0, ALL, 9));
    spool.setStoreId('a');
    assert.equal(spool.counts().handedOver, 3);
  });

  test('are no longer counted when they are released, delivered or set aside', (t) => {
    const spool = openFor(t);
    const accepted = spool.accept(rows(9));
    spool.handOver(accepted);
    spool.release([{ epoch: accepted[0]?.epoch ?? '', class: 0, ranges: [[2, 4]] }]);
    spool.deliver(accepted.slice(6, 7));
    for (const row of accepted.slice(8)) spool.quarantine(row, 'too large');
    const { classes, handedOver, waiting, quarantined } = spool.counts();
    assert.deepEqual([handedOver, waiting, quarantined, classes.get(0)?.delivered], [4, 0, 1, 4]);
    spool.retry([accepted[8]?.id ?? 0]);
    assert.deepEqual(seqs(spool.read(0, ALL, 9)), [9]);
    spool.takeBack();
    assert.deepEqual(seqs(spool.read(0, ALL, 9)), [1, 5, 6, 8, 9]);
  });

  test('go first when the spool is full, and are counted apart', (t) => {
    const spool = openFor(t, { limits: { maxBytes: 8 * MIB, minFreeBytes: 0, maxAgeMs: null, evict: 'priority' } });
    const drones = spool.accept(rows(1_000, 0, 1_000));
    spool.handOver(drones.slice(500));
    for (let i = 0; i < 400; i += 1) spool.accept(rows(10, 1, 1_000));
    const [drone, aircraft] = [spool.counts().classes.get(0), spool.counts().classes.get(1)];
    assert.equal(drone?.evictedHandedOver, 500);
    assert.deepEqual([drone?.evicted, drone?.waiting, drone?.handedOver], [0, 500, 0]);
    assert.ok((aircraft?.evicted ?? 0) > 0);
    assert.deepEqual(spool.ledger().find((stream) => stream.class === 0)?.evicted, [[501, 1_000]]);
  });

  test('a hundred thousand of them are passed over in no time, wherever rows wait among them', (t) => {
    const path = join(tempFolder(t), 'spool.db');
    const spool = open(path, { limits: { maxBytes: 256 * MIB, minFreeBytes: 0, maxAgeMs: null, evict: 'oldest' } });
    t.after(() => spool.close());
    const waiting: number[] = [];
    for (let i = 0; i < 100; i += 1) {
      const accepted = spool.accept([...rows(500, 0, 1), ...rows(500, 1, 1)]);
      spool.handOver(accepted.filter(({ seq }) => seq % 5_000 !== 7));
      waiting.push(...accepted.filter(({ seq }) => seq % 5_000 === 7).map(({ id }) => id));
    }
    const view = viewSpool(path, [1, 3, 2, 0]);
    t.after(() => view.close());
    for (const reader of [spool, view]) {
      const startedAt = performance.now();
      assert.deepEqual(reader.read(0, ALL, 100).map(({ id }) => id), waiting); // biome-ignore format: short
      const tookMs = performance.now() - startedAt;
      assert.ok(tookMs < 200, `${tookMs} ms`);
    }
  });

  test('of a class that is left out nothing is read, with and without rows handed over', (t) => {
    const spool = openFor(t);
    spool.accept([...rows(3, 0), ...rows(3, 1), ...rows(3, 0)]);
    const read = (): (readonly [number, number])[] =>
      spool.read(0, spool.lastId(), 100, new Set([1])).map(({ id, class: c }) => [id, c] as const);
    assert.deepEqual(read(), [[1, 0], [2, 0], [3, 0], [7, 0], [8, 0], [9, 0]]); // biome-ignore format: a table
    spool.handOver(spool.read(0, 2, 2));
    assert.deepEqual(read(), [[3, 0], [7, 0], [8, 0], [9, 0]]); // biome-ignore format: a table
    spool.handOver(spool.read(0, 4, 100).filter(({ class: c }) => c === 1));
    assert.deepEqual(read(), [[3, 0], [7, 0], [8, 0], [9, 0]]); // biome-ignore format: a table
  });
});
