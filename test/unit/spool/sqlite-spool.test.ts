// The spool's promises, on real files.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { openSqlite, readSqlite } from '../../../src/base/sqlite.js';
import { Eviction } from '../../../src/spool/eviction.js';
import { viewSpool } from '../../../src/spool/open-spool.js';
import type { SpoolRow } from '../../../src/spool/spool.js';
import { Statements } from '../../../src/spool/statements.js';
import { tempFolder } from '../../fixtures/temp-folder.js';
import { CLASSES, EMPTY_COUNTS, open, openFor, rows, seqs } from './spools.js';

const identities = (list: readonly SpoolRow[]): string[] =>
  list.map(({ class: c, epoch, seq }) => `${c} ${epoch} ${seq}`);

describe('a spool', () => {
  test('counts seq 1, 2, 3 without holes within each class', (t) => {
    const spool = openFor(t);
    const accepted = spool.accept([...rows(3, 0), ...rows(2, 1)]);
    assert.deepEqual(accepted.map(({ class: c, seq }) => [c, seq]), [[0, 1], [0, 2], [0, 3], [1, 1], [1, 2]]); // biome-ignore format: a table
    assert.deepEqual(spool.accept(rows(1, 0)).map(({ seq }) => seq), [4]); // biome-ignore format: short
  });

  test('begins a new epoch at every opening, later than the one before, and keeps old rows under theirs', (t) => {
    const path = join(tempFolder(t), 'spool.db');
    const first = open(path);
    const before = first.accept(rows(2));
    first.close();
    const second = open(path);
    t.after(() => second.close());
    const [after] = second.accept(rows(1));
    assert.ok(after && before[0]);
    assert.equal(after.seq, 1);
    assert.ok(after.epoch > before[0].epoch);
    assert.match(after.epoch, /^[0-9a-f]{16}$/);
    assert.deepEqual(identities(second.read(0, second.lastId(), 10)), identities([...before, after]));
  });

  test('an opening that accepts nothing leaves no epoch behind', (t) => {
    const path = join(tempFolder(t), 'spool.db');
    open(path).close();
    const spool = open(path);
    t.after(() => spool.close());
    spool.accept(rows(1));
    assert.equal(spool.ledger().length, 1);
  });

  test('never uses an id twice, also after it was drained and opened again', (t) => {
    const path = join(tempFolder(t), 'spool.db');
    const first = open(path);
    first.deliver(first.accept(rows(5, 2)));
    first.close();
    const second = open(path);
    t.after(() => second.close());
    assert.deepEqual(second.accept(rows(1)).map(({ id }) => id), [6]); // biome-ignore format: short
  });

  test('of an earlier version, with an index of the identity, is taken as it is, and loses the index', (t) => {
    const path = join(tempFolder(t), 'spool.db');
    const first = open(path);
    const accepted = first.accept([...rows(20, 0), ...rows(20, 1)]);
    first.close();
    const earlier = openSqlite(path);
    for (const c of CLASSES) earlier.exec(`CREATE UNIQUE INDEX message_${c}_identity ON message_${c} (epoch, seq)`);
    earlier.close();
    const spool = open(path);
    t.after(() => spool.close());
    assert.deepEqual(identities(spool.read(0, 99, 99)), identities(accepted));
    spool.release([{ epoch: accepted[0]?.epoch ?? '', class: 1, ranges: [[2, 19]] }]);
    const left = accepted.filter(({ class: c, seq }) => c === 0 || seq === 1 || seq === 20);
    assert.deepEqual(identities(spool.read(0, 99, 99)), identities(left));
    const db = readSqlite(path);
    t.after(() => db.close());
    assert.deepEqual(db.prepare("SELECT name FROM sqlite_master WHERE name LIKE 'message_%_identity'").all(), []);
  });

  test('remembers across openings what was last accepted of a thing', (t) => {
    const path = join(tempFolder(t), 'spool.db');
    const first = open(path);
    first.accept([{ class: 0, thing: 'drone-1', mark: '17.5', body: '{}' }]);
    first.close();
    const second = open(path);
    t.after(() => second.close());
    assert.equal(second.lastMark(0, 'drone-1'), '17.5');
    assert.equal(second.lastMark(1, 'drone-1'), null);
  });

  test('forgets the things that were quiet for longest, never the recent ones', (t) => {
    const spool = openFor(t);
    for (let i = 0; i < 26; i += 1) {
      const batch = rows(1_000).map((row) => ({ ...row, thing: `${i} ${row.thing}`, body: '{}' }));
      spool.deliver(spool.accept(batch));
    }
    assert.equal(spool.lastMark(0, '0 thing-0'), null);
    assert.equal(spool.lastMark(0, '25 thing-999'), '999');
    assert.equal(spool.lastMark(0, '5 thing-0'), '0');
  });

  test('reads in the order of acceptance across classes', (t) => {
    const spool = openFor(t);
    const accepted = [...rows(2, 3), ...rows(2, 0), ...rows(2, 1)].flatMap((row) => spool.accept([row]));
    assert.deepEqual(spool.read(0, spool.lastId(), 4), accepted.slice(0, 4));
    assert.deepEqual(spool.read(4, spool.lastId(), 4), accepted.slice(4));
    assert.deepEqual(spool.read(0, 1, 4), accepted.slice(0, 1));
  });

  test('delivers a row once, however often it is confirmed', (t) => {
    const spool = openFor(t);
    const accepted = spool.accept(rows(3));
    spool.deliver(accepted.slice(0, 2));
    spool.deliver(accepted.slice(0, 2));
    const { classes, waiting } = spool.counts();
    assert.deepEqual(classes.get(0), { ...EMPTY_COUNTS, accepted: 3, delivered: 2, waiting: 1 });
    assert.equal(waiting, 1);
    const [stream] = spool.ledger();
    assert.deepEqual([stream?.floor, stream?.next], [3, 4]);
  });

  test('sets a row aside with its reason, on record, and goes on', (t) => {
    const spool = openFor(t);
    const [first, second] = spool.accept(rows(3));
    assert.ok(first && second);
    spool.quarantine(second, 'too large');
    assert.deepEqual(spool.read(0, 99, 9).map(({ seq }) => seq), [1, 3]); // biome-ignore format: short
    const [aside] = spool.quarantined(0, 9);
    assert.deepEqual([aside?.seq, aside?.reason, aside?.body], [2, 'too large', second.body]);
    assert.deepEqual(spool.ledger()[0]?.quarantined, [[2, 2]]);
    assert.equal(spool.counts().quarantined, 1);
  });

  test('fixes the kit id for its life', (t) => {
    const path = join(tempFolder(t), 'spool.db');
    const first = open(path);
    assert.equal(first.kitId(), null);
    first.setKitId('wardragon-A');
    first.close();
    const second = open(path);
    t.after(() => second.close());
    assert.equal(second.kitId(), 'wardragon-A');
    second.setKitId('wardragon-A');
    assert.throws(() => second.setKitId('wardragon-B'), { code: 'kit-id' });
    assert.equal(second.kitId(), 'wardragon-A');
  });

  test('can be looked into while another holds it', (t) => {
    const path = join(tempFolder(t), 'spool.db');
    const spool = open(path);
    t.after(() => spool.close());
    spool.accept(rows(4));
    const view = viewSpool(path, [0, 1, 2, 3]);
    t.after(() => view.close());
    assert.equal(view.counts().waiting, 4);
    assert.deepEqual(view.ledger(), spool.ledger());
  });

  test('remembers a thing of any length, in little space', (t) => {
    const spool = openFor(t);
    const long = 'drone-'.repeat(10_000);
    spool.accept([{ class: 0, thing: long, mark: '1', body: '{}' }]);
    assert.equal(spool.lastMark(0, long), '1');
    assert.equal(spool.lastMark(0, `${long}x`), null);
  });

  test('accepts nothing of a call whose first row can not be written', (t) => {
    const spool = openFor(t);
    assert.throws(() => spool.accept(rows(1, 7)), /no class 7/);
    assert.equal(spool.lastId(), 0);
    assert.deepEqual(seqs(spool.accept(rows(2))), [1, 2]);
  });

  test('releases what an acknowledgement covers, however far that reaches, a slice at a time', (t) => {
    const spool = openFor(t);
    const accepted = spool.accept(rows(1_200));
    const covered = [{ epoch: accepted[0]?.epoch ?? '', class: 0, ranges: [[1, Number.MAX_SAFE_INTEGER]] as const }];
    assert.deepEqual([500, 500, 200, 0], [1, 2, 3, 4].map(() => spool.release(covered).length)); // biome-ignore format: short
    assert.equal(spool.counts().classes.get(0)?.delivered, 1_200);
    const [stream] = spool.ledger();
    assert.deepEqual([stream?.floor, stream?.next], [1_201, 1_201]);
  });

  test('an acknowledgement takes a row out of quarantine too: it came there another way', (t) => {
    const spool = openFor(t);
    const [first, second] = spool.accept(rows(2));
    assert.ok(first && second);
    spool.quarantine(first, 'too large');
    assert.deepEqual(spool.release([{ epoch: first.epoch, class: 0, ranges: [[1, 1]] }]), [first.id]);
    spool.quarantine(second, 'too large');
    spool.deliver([second]);
    assert.deepEqual(spool.quarantined(0, 9), []);
    assert.deepEqual(spool.counts().classes.get(0), { ...EMPTY_COUNTS, accepted: 2, delivered: 2 });
    assert.equal(spool.retry([first.id]), 0);
  });

  test('lists a stream of every epoch it ever had, and a quarantined row apart from the floor', (t) => {
    const path = join(tempFolder(t), 'spool.db');
    const first = open(path);
    const [low, ...others] = first.accept(rows(3));
    assert.ok(low);
    first.quarantine(low, 'too large');
    first.deliver(others);
    first.close();
    const second = open(path);
    t.after(() => second.close());
    second.accept(rows(1));
    const ledger = second.ledger().map(({ epoch: _, ...stream }) => stream);
    const drained = { class: 0, floor: 4, next: 4, evicted: [], quarantined: [[1, 1]] };
    assert.deepEqual(ledger, [drained, { ...drained, floor: 1, next: 2, quarantined: [] }]);
    assert.equal(second.drop([low.id]), 1);
    assert.deepEqual(second.ledger()[0], { ...drained, epoch: low.epoch, evicted: [[1, 1]], quarantined: [] });
  });

  test('binds to one database, until it is told to look for another', (t) => {
    const spool = openFor(t);
    assert.equal(spool.storeId(), null);
    spool.setStoreId('a');
    assert.equal(spool.storeId(), 'a');
    spool.setStoreId(null);
    assert.equal(spool.storeId(), null);
  });

  test('gives its kit id up only when nothing of the old one is left, and then begins anew', (t) => {
    const spool = openFor(t);
    spool.setKitId('wardragon-A');
    const [row] = spool.accept(rows(1));
    assert.ok(row);
    spool.quarantine(row, 'too large');
    assert.throws(() => spool.forgetKitId(), { code: 'not-empty' });
    spool.drop([row.id]);
    spool.forgetKitId();
    assert.deepEqual([spool.kitId(), spool.ledger(), spool.currentEpoch()], [null, [], null]);
    spool.setKitId('wardragon-B');
    const [next] = spool.accept(rows(1));
    assert.ok(next && next.epoch > row.epoch && next.id > row.id);
    assert.equal(next.seq, 1);
  });
});

describe('the epochs', () => {
  const at =
    (text: string): (() => number) =>
    () =>
      Date.parse(text);

  test('come after those of a file that is gone, when the clock is right', (t) => {
    const folder = tempFolder(t);
    const before = open(join(folder, 'one.db'), { now: at('2026-11-24T10:00:00Z') });
    const [old] = before.accept(rows(1));
    before.close();
    const after = open(join(folder, 'two.db'), { now: at('2026-11-24T10:00:05Z') });
    t.after(() => after.close());
    assert.ok((after.accept(rows(1))[0]?.epoch ?? '') > (old?.epoch ?? 'z'));
  });

  test('never go back, whatever the clock says', (t) => {
    const path = join(tempFolder(t), 'spool.db');
    const epochs = ['2026-11-24T10:00:00Z', '1970-01-01T00:00:09Z', '2026-11-24T10:00:00Z', '2150-01-01T00:00:00Z'].map(
      (clock) => {
        const spool = open(path, { now: at(clock) });
        const [row] = spool.accept(rows(1));
        spool.close();
        return row?.epoch ?? '';
      },
    );
    assert.deepEqual(epochs, [...epochs].sort());
    assert.equal(new Set(epochs.map((epoch) => epoch.slice(0, 8))).size, 4);
    for (const epoch of epochs) assert.match(epoch, /^[0-9a-f]{16}$/);
  });
});

describe('rows that do not lie in the order of their seqs', () => {
  /** All of them handed over, and the third with a seq that is not its own. */
  function disordered(t: TestContext) {
    const path = join(tempFolder(t), 'spool.db');
    const spool = open(path);
    const accepted = spool.accept(rows(9));
    spool.handOver(accepted);
    spool.close();
    const db = openSqlite(path);
    db.exec('UPDATE message_0 SET seq = 90 WHERE id = 3');
    return { path, db, epoch: accepted[0]?.epoch ?? '' };
  }

  test('are damage when some are released, and none is deleted', (t) => {
    const { path, db, epoch } = disordered(t);
    db.close();
    const spool = open(path);
    t.after(() => spool.close());
    assert.throws(() => spool.release([{ epoch, class: 0, ranges: [[1, 9]] }]), {
      name: 'SpoolError',
      code: 'corrupt',
    });
    assert.equal(spool.counts().handedOver, 9);
  });

  test('are damage when those that were handed over are evicted, and none is deleted', (t) => {
    const { db } = disordered(t);
    t.after(() => db.close());
    const eviction = new Eviction(new Statements(db), [0], 'oldest');
    assert.throws(() => eviction.evictSome(100), { code: 'corrupt' });
    assert.equal(db.prepare('SELECT count(*) FROM message_0').pluck().get(), 9);
  });
});
