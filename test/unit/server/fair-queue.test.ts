// Turns: nobody's many items delay another's few.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { FairQueue } from '../../../src/server/fair-queue.js';

const one = (): number => 1;

/** What one taker alone gets. */
function take<T>(queue: FairQueue<T>, limit: number, costOf: (item: T) => number): readonly T[] {
  const { items, done } = queue.take(limit, costOf);
  done();
  return items;
}

test('each owner is served in turn, in the order of what is its own', () => {
  const queue = new FairQueue<string>();
  for (const item of ['a1', 'a2', 'a3', 'a4', 'b1', 'c1', 'c2']) queue.push(item.charAt(0), item);
  assert.deepEqual(take(queue, 7, one), ['a1', 'b1', 'c1', 'a2', 'c2', 'a3', 'a4']);
  assert.deepEqual(take(queue, 7, one), []);
});

test('what goes ahead comes before all else of its owner, in its own order, and before nothing of another', () => {
  const queue = new FairQueue<string>();
  for (const item of ['a1', 'a2', 'a3', 'b1']) queue.push(item.charAt(0), item);
  queue.push('a', 'a-new-1', 'ahead');
  queue.push('a', 'a-new-2', 'ahead');
  queue.push('a', 'a4');
  assert.deepEqual(take(queue, 7, one), ['a-new-1', 'b1', 'a-new-2', 'a1', 'a2', 'a3', 'a4']);
  for (const item of ['a1', 'a2', 'a3', 'a4']) queue.push('a', item);
  queue.push('a', 'a-new-3', 'ahead');
  queue.push('a', 'a-new-4', 'ahead');
  queue.keep((item) => item !== 'a-new-3' && item !== 'a2');
  queue.push('a', 'a-new-5', 'ahead');
  assert.deepEqual(take(queue, 9, one), ['a-new-4', 'a-new-5', 'a1', 'a3', 'a4']);
});

test('what goes ahead leaves every fourth turn to the rest, also over several takes', () => {
  const queue = new FairQueue<string>();
  for (const item of ['a1', 'a2', 'a3']) queue.push('a', item);
  for (let n = 1; n <= 8; n += 1) queue.push('a', `new-${n}`, 'ahead');
  const taken = [2, 3, 4].map((limit) => take(queue, limit, one));
  assert.deepEqual(taken, [['new-1', 'new-2'], ['new-3', 'a1', 'new-4'], ['new-5', 'new-6', 'a2', 'new-7']]); // biome-ignore format: short
});

test('it is a quarter of what they cost: many small ones go before one that is large', () => {
  const queue = new FairQueue<number>();
  for (const cost of [250, 251]) queue.push('a', cost);
  const isLarge = (cost: number): boolean => cost > 1;
  for (let i = 0; i < 20; i += 1) queue.push('a', 1, 'ahead');
  assert.equal(take(queue, 500, (cost) => cost).findIndex(isLarge), 20);
  queue.push('a', 252);
  for (let i = 0; i < 2_000; i += 1) queue.push('a', 1, 'ahead');
  const taken = [1, 2, 3, 4].flatMap(() => take(queue, 500, (cost) => cost));
  assert.equal(taken.findIndex(isLarge), 756);
});

test('with what goes ahead little of the rest is taken, and all there is room for without', () => {
  const queue = new FairQueue<string>();
  for (let n = 1; n <= 9; n += 1) queue.push(n % 2 === 0 ? 'a' : 'b', `rest-${n}`);
  queue.push('b', 'new-1', 'ahead');
  assert.deepEqual(queue.take(6, one, 3).items, ['new-1', 'rest-1', 'rest-3', 'rest-5']);
  const alone = new FairQueue<number>();
  for (let n = 1; n <= 9; n += 1) alone.push('a', n);
  assert.equal(alone.take(6, one, 3).items.length, 6);
  for (const cost of [250, 251]) alone.push('c', cost);
  for (let i = 0; i < 2_000; i += 1) alone.push('c', 1, 'ahead');
  const takes = Array.from({ length: 3 }, () => {
    const { items, done } = alone.take(500, (cost) => cost, 100);
    done();
    return items;
  });
  assert.deepEqual(
    takes.map((items) => items.filter((cost) => cost === 250).length),
    [0, 1, 0],
    'it has its quarter all the same',
  );
});

test('what stands behind all overtakes nothing that came before it', () => {
  const queue = new FairQueue<string>();
  for (const item of ['a1', 'a2']) queue.push('a', item);
  for (const item of ['new-1', 'new-2']) queue.push('a', item, 'ahead');
  queue.push('a', 'status', 'behind all');
  queue.push('a', 'new-3', 'ahead');
  const taken = take(queue, 9, one);
  assert.deepEqual(taken, ['new-1', 'new-2', 'new-3', 'a1', 'a2', 'status']);
  queue.push('a', 'a3');
  for (let n = 1; n <= 9; n += 1) queue.push('a', `new-${n}`, 'ahead');
  queue.push('a', 'status', 'behind all');
  queue.push('a', 'new-10', 'ahead');
  const many = take(queue, 99, one);
  assert.deepEqual(many.slice(0, 4), ['new-1', 'new-2', 'new-3', 'a3']);
  assert.deepEqual(many.slice(-3), ['new-9', 'status', 'new-10']);
});

test('with more owners than there is room for, the next ones begin', () => {
  const queue = new FairQueue<string>();
  for (const owner of ['a', 'b', 'c', 'd', 'e']) for (const n of [1, 2]) queue.push(owner, `${owner}${n}`);
  assert.deepEqual(take(queue, 2, one), ['a1', 'b1']);
  assert.deepEqual(take(queue, 2, one), ['c1', 'd1']);
  assert.deepEqual(take(queue, 3, one), ['e1', 'a2', 'b2']);
});

test('what is more than one turn is shared by two takers, and nobody is served by both', () => {
  const queue = new FairQueue<string>();
  for (const item of ['a1', 'a2', 'a3', 'a4', 'b1', 'c1', 'c2']) queue.push(item.charAt(0), item);
  const first = queue.take(4, one);
  assert.deepEqual(first.items, ['a1', 'b1', 'a2', 'a3']);
  queue.push('b', 'b2');
  assert.deepEqual([queue.size, queue.sizeOf('a'), queue.sizeOf('b')], [4, 1, 1]);
  const second = queue.take(4, one);
  assert.deepEqual(second.items, ['c1', 'c2'], 'a and b are being served');
  queue.push('c', 'c3');
  assert.deepEqual(queue.take(4, one).items, []);
  first.done();
  assert.deepEqual(queue.take(4, one).items, ['a4', 'b2']);
  second.done();
  assert.deepEqual(queue.take(4, one).items, ['c3']);
});

test('one item that costs more than all there is room for is taken alone, and what costs nothing goes along', () => {
  const queue = new FairQueue<number>();
  for (const cost of [0, 900, 0, 1]) queue.push('a', cost);
  assert.deepEqual(take(queue, 500, (cost) => cost), [0, 900]); // biome-ignore format: short
  assert.deepEqual(take(queue, 500, (cost) => cost), [0, 1]); // biome-ignore format: short
});

test('an item may count for many', () => {
  const queue = new FairQueue<number>((item) => item);
  for (const item of [3, 5]) queue.push('a', item);
  queue.push('b', 7);
  assert.deepEqual([queue.size, queue.sizeOf('a'), queue.sizeOf('b')], [15, 8, 7]);
  assert.deepEqual(queue.keep((item) => item !== 5), [5]); // biome-ignore format: short
  assert.deepEqual([queue.size, queue.sizeOf('a')], [10, 3]);
  assert.deepEqual(take(queue, 10, one), [3, 7]); // biome-ignore format: short
  assert.deepEqual([queue.size, queue.sizeOf('a'), queue.sizeOf('b')], [0, 0, 0]);
});

test('whatever is put in comes out once, each owner in order, also when some are let go', () => {
  const pushes = fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c', 'd'), fc.integer({ min: 1, max: 5 })));
  fc.assert(
    fc.property(pushes, fc.integer({ min: 1, max: 20 }), fc.boolean(), (items, limit, letsGo) => {
      const queue = new FairQueue<{ owner: string; n: number; cost: number }>();
      for (const [n, [owner, cost]] of items.entries()) queue.push(owner, { owner, n, cost });
      const gone = letsGo ? queue.keep(({ n }) => n % 3 !== 0) : [];
      const out: { owner: string; n: number }[] = [];
      for (let taken = take(queue, limit, ({ cost }) => cost); taken.length > 0; ) {
        out.push(...taken);
        taken = take(queue, limit, ({ cost }) => cost);
      }
      assert.equal(queue.size, 0);
      const all = [...out, ...gone].map(({ n }) => n).sort((x, y) => x - y);
      assert.deepEqual(all, [...items.keys()]);
      for (const owner of 'abcd') {
        const own = out.filter((item) => item.owner === owner).map(({ n }) => n);
        assert.deepEqual(
          own,
          [...own].sort((x, y) => x - y),
        );
      }
    }),
  );
});
