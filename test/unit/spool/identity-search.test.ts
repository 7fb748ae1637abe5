// A place is found without an index of it: whatever is gone in between, and however many openings there were.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { openSqlite } from '../../../src/base/sqlite.js';
import { IdentitySearch, NOWHERE, type Place } from '../../../src/spool/identity-search.js';
import * as plans from '../../../src/spool/plans.js';
import { Statements } from '../../../src/spool/statements.js';
import { tempFolder } from '../../fixtures/temp-folder.js';

const EPOCHS = ['00000001ffffffff', '00000002aaaaaaaa', '00000003bbbbbbbb', '00000004cccccccc'];

/** By what each row's id is further on than the one before, and whether a new epoch begins with it. */
function placesOf(steps: readonly (readonly [number, boolean])[]): Place[] {
  let [id, epoch, seq] = [0, 0, 0];
  return steps.map(([step, begins]) => {
    id += step;
    seq = begins && epoch < EPOCHS.length - 1 ? 1 : seq + 1;
    if (seq === 1 && id > step) epoch += 1;
    return { id, epoch: EPOCHS[epoch] ?? '', seq };
  });
}

test('the first row that does not come before an epoch and a seq is found', (t) => {
  const db = openSqlite(join(tempFolder(t), 'spool.db'));
  t.after(() => db.close());
  db.exec(plans.CREATE_SHARED + plans.createClass(0));
  const insert = db.prepare(plans.insertMessage(0));
  const search = new IdentitySearch(new Statements(db));
  const step = fc.tuple(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 0, max: 9 }).map((n) => n === 0)); // biome-ignore format: short
  const check = (steps: readonly (readonly [number, boolean])[], gone: readonly number[], seq: number): void => {
    const there = placesOf(steps).filter((_, i) => !gone.includes(i));
    db.transaction(() => {
      db.exec('DELETE FROM message_0');
      for (const place of there) insert.run(place.id, place.epoch, place.seq, 0, '{}');
    })();
    for (const epoch of ['0', ...EPOCHS, 'f']) {
      const isNotBefore = (one: Place): boolean => one.epoch > epoch || (one.epoch === epoch && one.seq >= seq);
      assert.equal(search.idOf(0, epoch, seq), there.find(isNotBefore)?.id ?? NOWHERE);
    }
    const first = there.filter(({ epoch }, i) => epoch !== there[i - 1]?.epoch);
    assert.deepEqual(search.firstOfEpochs(0), first);
  };
  const gone = fc.array(fc.nat(59));
  fc.assert(fc.property(fc.array(step, { maxLength: 60 }), gone, fc.integer({ min: 1, max: 30 }), check), {
    numRuns: 60,
  });
});
