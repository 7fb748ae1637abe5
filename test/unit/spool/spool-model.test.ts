// The spool against a plain model of it: any order of calls, with openings in between, and the books agree after each.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { Ranges } from '../../../src/schema/ranges.js';
import { viewSpool } from '../../../src/spool/open-spool.js';
import type { Spool, SpoolRow } from '../../../src/spool/spool.js';
import { tempFolder } from '../../fixtures/temp-folder.js';
import { CLASSES, ids, open, rows } from './spools.js';

type State = 'waiting' | 'handed over' | 'aside' | 'delivered' | 'evicted';

/** Every row ever accepted, and what became of it. */
class Model {
  readonly all: { readonly row: SpoolRow; state: State }[] = [];

  in(...states: State[]): SpoolRow[] {
    return this.all.filter(({ state }) => states.includes(state)).map(({ row }) => row);
  }

  move(which: (row: SpoolRow) => boolean, to: State, ...from: State[]): number[] {
    const moved = this.all.filter(({ row, state }) => from.includes(state) && which(row));
    for (const one of moved) one.state = to;
    return moved.map(({ row }) => row.id);
  }
}

/** A step takes two numbers and means something by them, whatever the spool holds then. */
type Step = (spool: Spool, model: Model, a: number, b: number) => void;

function some(list: readonly SpoolRow[], a: number, b: number): SpoolRow[] {
  if (list.length === 0) return [];
  const from = a % list.length;
  return list.slice(from, from + 1 + (b % 7));
}

const isOneOf = (chosen: readonly SpoolRow[]) => (row: SpoolRow) => chosen.some(({ id }) => id === row.id);

const STEPS: Record<string, Step> = {
  accept: (spool, model, a, b) => {
    const given = [...rows(1 + (a % 5), a % 4), ...rows(b % 5, b % 4)];
    for (const row of spool.accept(given)) model.all.push({ row, state: 'waiting' });
  },
  deliver: (spool, model, a, b) => {
    const chosen = some(model.in('waiting', 'handed over', 'aside', 'delivered'), a, b);
    spool.deliver(chosen);
    model.move(isOneOf(chosen), 'delivered', 'waiting', 'handed over', 'aside');
  },
  handOver: (spool, model, a, b) => {
    const chosen = some(model.all.map(({ row }) => row), a, b); // biome-ignore format: short
    spool.handOver(chosen);
    model.move(isOneOf(chosen), 'handed over', 'waiting');
  },
  takeBack: (spool, model) => {
    spool.takeBack();
    model.move(() => true, 'waiting', 'handed over');
  },
  quarantine: (spool, model, a) => {
    const [row] = some(model.in('waiting', 'handed over'), a, 0);
    if (row === undefined) return;
    spool.quarantine(row, 'too large');
    model.move(isOneOf([row]), 'aside', 'waiting', 'handed over');
  },
  retry: (spool, model, a, b) => {
    const chosen = some(model.in('aside', 'waiting'), a, b);
    assert.equal(spool.retry(ids(chosen)), model.move(isOneOf(chosen), 'waiting', 'aside').length);
  },
  drop: (spool, model, a, b) => {
    const chosen = some(model.in('aside', 'waiting'), a, b);
    assert.equal(spool.drop(ids(chosen)), model.move(isOneOf(chosen), 'evicted', 'aside').length);
  },
  release: (spool, model, a, b) => {
    const [one] = some(model.all.map(({ row }) => row), a, 0); // biome-ignore format: short
    if (one === undefined) return;
    const ranges = [[1, one.seq], [one.seq + 2, one.seq + 2 + (b % 1_000_000)]] as const; // biome-ignore format: a pair
    const released = spool.release([{ epoch: one.epoch, class: one.class, ranges }]);
    const isCovered = ({ epoch, class: c, seq }: SpoolRow): boolean =>
      epoch === one.epoch && c === one.class && ranges.some(([first, last]) => first <= seq && seq <= last);
    const moved = model.move(isCovered, 'delivered', 'waiting', 'handed over', 'aside');
    assert.deepEqual(released.sort((x, y) => x - y), moved); // biome-ignore format: short
  },
};

/** Everything the spool says, against what the model knows. */
function compare(spool: Pick<Spool, 'read' | 'counts' | 'ledger' | 'quarantined' | 'lastId'>, model: Model): void {
  assert.deepEqual(spool.read(0, spool.lastId(), 10_000), model.in('waiting'));
  const middle = model.all.length >>> 1;
  const upper = model.in('waiting').filter(({ id }) => id > middle);
  assert.deepEqual(spool.read(middle, spool.lastId(), 3), upper.slice(0, 3));
  assert.deepEqual(ids(spool.quarantined(0, 10_000)), ids(model.in('aside')));
  const counts = spool.counts();
  assert.equal(counts.quarantined, model.in('aside').length);
  for (const c of CLASSES) {
    const count = (...states: State[]): number => model.in(...states).filter((row) => row.class === c).length;
    assert.deepEqual(counts.classes.get(c), {
      accepted: model.all.filter(({ row }) => row.class === c).length,
      delivered: count('delivered'),
      evicted: count('evicted'),
      evictedHandedOver: 0,
      waiting: count('waiting'),
      handedOver: count('handed over'),
    });
  }
  assert.deepEqual(spool.ledger(), ledgerOf(model));
}

function ledgerOf(model: Model): ReturnType<Spool['ledger']> {
  const streams = new Map(model.all.map(({ row }) => [`${row.epoch} ${row.class}`, row]));
  return [...streams.keys()].sort().map((key) => {
    const of = (...states: State[]): number[] =>
      model.in(...states).filter(({ epoch, class: c }) => `${epoch} ${c}` === key).map(({ seq }) => seq); // biome-ignore format: a chain
    const ranges = (list: readonly number[]) => new Ranges(list.map((seq) => [seq, seq])).toJSON();
    const { epoch, class: c, seq } = streams.get(key) as SpoolRow;
    return {
      epoch,
      class: c,
      floor: of('waiting', 'handed over')[0] ?? seq + 1,
      next: seq + 1,
      evicted: ranges(of('evicted')),
      quarantined: ranges(of('aside')),
    };
  });
}

test('a spool says what a plain model of it says, after any calls and any openings', (t) => {
  const folder = tempFolder(t);
  let run = 0;
  const step = fc.tuple(
    fc.constantFrom(...Object.keys(STEPS), 'accept', 'accept', 'open'),
    fc.nat(9_999),
    fc.nat(9_999),
  );
  const check = (steps: readonly (readonly [string, number, number])[]): void => {
    run += 1;
    const path = join(folder, `spool-${run}.db`);
    const model = new Model();
    let spool = open(path);
    try {
      for (const [name, a, b] of steps) {
        if (name === 'open') {
          spool.close();
          spool = open(path);
        } else STEPS[name]?.(spool, model, a, b);
        compare(spool, model);
      }
      const view = viewSpool(path, CLASSES);
      try {
        compare(view, model);
        const everything = view.readEverything(0, view.lastId(), 10_000);
        assert.deepEqual(ids(everything), ids(model.in('waiting', 'handed over', 'aside')));
        assert.deepEqual(ids(everything.filter((row) => row.handedOver)), ids(model.in('handed over')));
        assert.deepEqual(ids(everything.filter((row) => row.reason !== null)), ids(model.in('aside')));
      } finally {
        view.close();
      }
    } finally {
      spool.close();
    }
  };
  fc.assert(fc.property(fc.array(step, { minLength: 1, maxLength: 50, size: 'max' }), check), { numRuns: 30 });
});
