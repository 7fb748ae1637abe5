// Batches, acknowledgements and what may wait.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { StoreError } from '../../../src/base/errors.js';
import type { Batch } from '../../../src/server/store.js';
import { eventually } from '../../fixtures/processes.js';
import { LINK, of, setUp } from './batcher-harness.js';
import { contact, drone, whole } from './store-batches.js';

describe('the batcher', () => {
  test('stores a lone message at once, and acknowledges it only when it is committed', async (t) => {
    let release = (): void => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const { acked, asked, receive, store } = await setUp(t, () => held);
    receive(1, 1);
    await eventually('the commit', () => asked.length === 1, 1_000);
    assert.deepEqual(acked, []);
    assert.equal((await store.counts()).rows.drone, 0);
    release();
    await eventually('the acknowledgement', () => acked.length === 1, 1_000);
    assert.equal((await store.counts()).rows.drone, 1);
  });

  test('commits together what came while it was busy, at most about 500 rows, whole messages only', async (t) => {
    const { acked, asked, receive } = await setUp(t);
    receive(0, 1);
    await eventually('the first', () => asked.length === 1, 1_000);
    for (let i = 1; i <= 300; i += 1) receive(i, 3 * i, 3 * i + 1, 3 * i + 2);
    await eventually('all', () => acked.length === 301, 5_000);
    assert.deepEqual(
      acked,
      Array.from({ length: 301 }, (_, i) => i),
    );
    for (const { observations } of asked) assert.ok(observations.length <= 502, `${observations.length} rows`);
    assert.ok(asked.length <= 4, `${asked.length} commits`);
  });

  test('while a commit waits, what other kits sent is committed, and never more of the same kit', async (t) => {
    const releases: (() => void)[] = [];
    const { batcher, asked } = await setUp(t, () => new Promise((resolve) => releases.push(resolve)));
    void batcher.add(of('wardragon-A'));
    await eventually('the first', () => asked.length === 1, 1_000);
    for (const kitId of ['wardragon-A', 'wardragon-B', 'wardragon-A']) void batcher.add(of(kitId));
    await eventually('the second', () => asked.length === 2, 1_000);
    void batcher.add(of('wardragon-B'));
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.equal(asked.length, 2, 'both kits are busy');
    releases[1]?.();
    await eventually('the third', () => asked.length === 3, 1_000);
    releases[0]?.();
    await eventually('the fourth', () => asked.length === 4, 1_000);
    for (const release of releases) release();
    assert.deepEqual(
      asked.map(({ contacts }) => contacts.map(({ kitId }) => kitId.at(-1)).join('')),
      ['A', 'B', 'B', 'AA'],
    );
  });

  test('says what is committed after it is, with every message of a batch that had to be taken apart', async (t) => {
    const { committed, acked, receive } = await setUp(t, ({ observations }) => {
      if (observations.some(({ columns }) => columns['mac'] === 'poison')) throw new StoreError('no', { code: 'data' });
    });
    receive(1, 1, { seq: 2, mac: 'poison' }, 3);
    await eventually('the commit', () => committed.length === 1, 1_000);
    assert.deepEqual(acked, [1]);
    const [{ batch, streams } = { batch: null, streams: [] }] = committed;
    assert.deepEqual(batch?.observations.map(({ identity }) => identity?.seq), [1, 2, 3]); // biome-ignore format: short
    assert.deepEqual(streams.at(-1)?.received, [[1, 3]]);
  });

  test('stopped while the database is away, it leaves without acknowledging', async (t) => {
    const { acked, batcher, receive } = await setUp(t, () => {
      throw new StoreError('away', { code: 'unavailable', retryable: true });
    });
    receive(1, 1);
    await new Promise((resolve) => setTimeout(resolve, 50));
    await batcher.stop();
    assert.deepEqual(acked, []);
  });

  test('stopped while it works, it finishes what it has taken', async (t) => {
    const { acked, batcher, receive, store } = await setUp(t);
    for (let i = 1; i <= 1_200; i += 1) receive(i, i);
    await batcher.stop();
    assert.equal(acked.length, 1_200);
    assert.equal((await store.counts()).rows.drone, 1_200);
  });

  /** Of ten kits in turn, so that none is over its quota. */
  const nth = (i: number): Batch => whole({ contacts: [contact({ kitId: `wardragon-${i % 10}` })] });

  test('drops of what comes only once beyond its bound, says so once, and says how much when there is room again', async (t) => {
    let release = (): void => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const { batcher, log } = await setUp(t, () => held);
    for (let i = 1; i <= 5_600; i += 1) void batcher.add({ batch: nth(i), ack: () => {}, from: null });
    assert.equal(batcher.dropped, 600);
    assert.deepEqual(log.texts, ['error: too many messages wait for the database: dropping new ones']);
    release();
    await eventually('the rest', () => log.lines.length === 2, 5_000);
    assert.deepEqual([log.lines[1]?.level, log.lines[1]?.fields['dropped']], ['warn', 600]);
  });

  test('what comes only once does not take the place of what a broker holds back, of which none is dropped', async (t) => {
    const { batcher } = await setUp(t, () => new Promise(() => {}));
    const add = (i: number, from: object | null) => batcher.add({ batch: nth(i), ack: () => {}, from });
    for (let i = 0; i < 12_000; i += 1) assert.equal(add(i, null), undefined);
    assert.deepEqual([batcher.waitingCount, batcher.dropped], [5_000, 7_000]);
    for (let i = 0; i < 3_999; i += 1) assert.equal(add(i, LINK), undefined);
    const room = add(0, LINK);
    assert.equal(batcher.waitingCount, 9_000);
    assert.ok(room instanceof Promise, 'nothing more is to be read');
    batcher.forget(LINK);
    await room;
    assert.deepEqual([batcher.waitingCount, batcher.dropped], [5_000, 7_000]);
  });

  test('large messages reach both bounds by their bytes, and fewer of them are committed together', async (t) => {
    let release = (): void => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const { batcher, asked } = await setUp(t, () => held);
    const bytes = 1024 * 1024;
    let acked = 0;
    const ack = (): void => {
      acked += 1;
    };
    const add = (from: object | null) => batcher.add({ batch: whole({ observations: [drone()] }), ack, from, bytes });
    for (let i = 0; i < 20; i += 1) assert.equal(add(null), undefined);
    assert.deepEqual([batcher.waitingCount, batcher.dropped], [16, 4]);
    for (let i = 0; i < 15; i += 1) assert.equal(add(LINK), undefined);
    const room = add(LINK);
    assert.deepEqual([batcher.waitingCount, batcher.dropped], [32, 4]);
    assert.ok(room instanceof Promise, 'nothing more is to be read');
    release();
    await room;
    await eventually('all', () => acked === 32, 5_000);
    const sizes = asked.map(({ observations }) => observations.length);
    assert.ok(Math.max(...sizes) <= 4, sizes.join());
  });

  test('of a message that is many each counts, for what may wait and for what a kit may have waiting', async (t) => {
    const { batcher, receive, acked } = await setUp(t, () => new Promise(() => {}));
    const seqs = Array.from({ length: 500 }, (_, i) => i + 1);
    receive(0, 1); // which the store never gives back
    await new Promise((resolve) => setTimeout(resolve, 20));
    for (let i = 1; i <= 6; i += 1) receive(i, ...seqs);
    assert.deepEqual([batcher.waitingCount, acked], [2_000, [5, 6]]);
  });

  test('a kit over its quota is acknowledged and not stored, unless the database is away: then all of it waits', async (t) => {
    let isDown = false;
    let release = (): void => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const { batcher, acked, receive, store } = await setUp(t, (_, n) => {
      if (isDown) throw new StoreError('away', { code: 'unavailable', retryable: true });
      return n === 1 ? held : undefined;
    });
    for (let seq = 1; seq <= 2_600; seq += 1) receive(seq, seq);
    assert.deepEqual([batcher.waitingCount, acked.length], [2_000, 600]);
    release();
    await eventually('those that waited', () => acked.length === 2_600, 5_000);
    assert.deepEqual((await store.ledger())[0]?.received, [[1, 2_000]], 'what was not stored is not received');
    isDown = true;
    receive(3_000, 3_000);
    await new Promise((resolve) => setTimeout(resolve, 50));
    for (let seq = 3_001; seq <= 6_000; seq += 1) receive(seq, seq);
    assert.equal(acked.length, 2_600, 'nothing is acknowledged');
    isDown = false;
    await eventually('all of it', () => acked.length === 5_601, 10_000);
    assert.deepEqual((await store.ledger())[0]?.received, [[1, 2_000], [3_000, 6_000]]); // biome-ignore format: short
  });

  test('through an outage with many reconnects it holds what the broker holds, once, and then stores all', async (t) => {
    let isDown = true;
    const { batcher, store } = await setUp(t, () => {
      if (isDown) throw new StoreError('away', { code: 'unavailable', retryable: true });
    });
    const links = Array.from({ length: 12 }, () => ({}));
    const acked = new Set<number>();
    const deliver = (from: object): void => {
      for (let seq = 1; seq <= 1_000; seq += 1) {
        const observation = drone({ thing: `drone-${seq}`, identity: { epoch: '00000001abcdef01', seq } });
        const ack = (): void => void (from === links.at(-1) && acked.add(seq));
        assert.equal(batcher.add({ batch: whole({ observations: [observation] }), ack, from }), undefined);
      }
    };
    for (const link of links) {
      deliver(link);
      await new Promise((resolve) => setTimeout(resolve, 2));
      assert.ok(batcher.waitingCount <= 1_000, `${batcher.waitingCount} wait`);
      if (link !== links.at(-1)) batcher.forget(link);
    }
    isDown = false;
    await eventually('all of it', () => acked.size === 1_000, 10_000);
    assert.deepEqual([(await store.counts()).rows.drone, batcher.dropped], [1_000, 0]);
  });
});
