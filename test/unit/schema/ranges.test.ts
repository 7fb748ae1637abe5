// A ledger's set of numbers, against the plainest set there is.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { type Range, Ranges } from '../../../src/schema/ranges.js';

const HIGHEST = 60;

const range = fc
  .tuple(fc.integer({ min: 1, max: HIGHEST }), fc.integer({ min: 0, max: 12 }))
  .map(([first, length]): Range => [first, Math.min(HIGHEST, first + length)]);

function numbersOf(ranges: Iterable<Range>): number[] {
  const numbers: number[] = [];
  for (const [first, last] of ranges) for (let n = first; n <= last; n += 1) numbers.push(n);
  return numbers;
}

/** What is not in the set, the plain way. */
function holes(plain: ReadonlySet<number>, first: number, last: number): number[] {
  return numbersOf([[first, last]]).filter((n) => !plain.has(n));
}

describe('ranges', () => {
  test('are the same as a plain set, whatever is added in whatever order', () => {
    fc.assert(
      fc.property(fc.array(range, { maxLength: 40 }), range, (added, asked) => {
        const ranges = new Ranges();
        const plain = new Set<number>();
        for (const [first, last] of added) {
          const isNew = holes(plain, first, last).length > 0;
          for (const n of numbersOf([[first, last]])) plain.add(n);
          assert.equal(ranges.add(first, last), isNew, `add ${first}..${last}`);
        }
        const sorted = [...plain].sort((a, b) => a - b);
        assert.deepEqual(numbersOf(ranges.toJSON()), sorted);
        assert.equal(ranges.size, plain.size);
        assert.equal(ranges.first, sorted[0]);
        assert.equal(ranges.last, sorted.at(-1));
        for (let n = 0; n <= HIGHEST + 1; n += 1) assert.equal(ranges.has(n), plain.has(n), `has ${n}`);
        assert.deepEqual(numbersOf(ranges.gaps(...asked)), holes(plain, ...asked));
        assert.deepEqual(numbersOf(ranges.gaps(1, HIGHEST)), holes(plain, 1, HIGHEST));
      }),
      { numRuns: 500 },
    );
  });

  test('are kept sorted, disjoint and never adjacent, and so are gaps', () => {
    fc.assert(
      fc.property(fc.array(range), (added) => {
        const ranges = new Ranges(added);
        for (const list of [ranges.toJSON(), ranges.gaps(1, HIGHEST)]) {
          for (const [i, [first, last]] of list.entries()) {
            assert.ok(first <= last);
            assert.ok(i === 0 || first > (list[i - 1]?.[1] ?? 0) + 1, JSON.stringify(list));
          }
        }
      }),
    );
  });

  test('survive JSON, and do not share their insides', () => {
    const ranges = new Ranges([[5, 5], [1, 3]]); // biome-ignore format: short
    const json = ranges.toJSON();
    assert.deepEqual(new Ranges(JSON.parse(JSON.stringify(ranges)) as Range[]).toJSON(), json);
    ranges.add(4);
    assert.deepEqual(json, [[1, 3], [5, 5]]); // biome-ignore format: short
    assert.deepEqual(ranges.toJSON(), [[1, 5]]);
  });

  test('an empty set has no first, no last and one gap', () => {
    const ranges = new Ranges();
    assert.deepEqual([ranges.size, ranges.first, ranges.last], [0, undefined, undefined]);
    assert.deepEqual(ranges.gaps(3, 7), [[3, 7]]);
    assert.deepEqual(ranges.gaps(7, 3), []);
  });

  test('take the largest numbers there are', () => {
    const most = Number.MAX_SAFE_INTEGER;
    const ranges = new Ranges([[most, most]]);
    assert.equal(ranges.add(most - 1), true);
    assert.deepEqual(ranges.toJSON(), [[most - 1, most]]);
    assert.equal(ranges.add(most), false);
  });

  test('refuse what is no range', () => {
    const none: Range[] = [[2, 1], [1.5, 2], [1, Number.NaN], [1, Number.POSITIVE_INFINITY], [1, 2 ** 53]]; // biome-ignore format: short
    for (const [first, last] of none) assert.throws(() => new Ranges().add(first, last), RangeError);
  });

  test('what of a span is in it, and what is not, make the span', () => {
    const set = new Ranges([
      [3, 5],
      [9, 9],
      [12, 20],
    ]);
    assert.deepEqual(set.within(4, 13), [[4, 5], [9, 9], [12, 13]]); // biome-ignore format: short
    assert.deepEqual(set.within(6, 8), []);
    assert.deepEqual(set.within(21, 30), []);
    assert.deepEqual(new Ranges().within(1, 9), []);
    assert.deepEqual(new Ranges([...set.within(1, 30), ...set.gaps(1, 30)]).toJSON(), [[1, 30]]);
  });
});
