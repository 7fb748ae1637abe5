// Batches, acknowledgements and outages. The store is SQLite, with faults put in front of it.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { Backoff } from '../../../src/base/backoff.js';
import { StoreError } from '../../../src/base/errors.js';
import { createLogger } from '../../../src/base/log.js';
import { DEFAULT_TOPICS } from '../../../src/schema/topics.js';
import { Batcher } from '../../../src/server/batcher.js';
import { Decoder } from '../../../src/server/decode.js';
import type { Batch, CommitResult, CommittedStream, Store } from '../../../src/server/store.js';
import { openStore } from '../../../src/server/stores/open-store.js';
import { eventually } from '../../fixtures/processes.js';
import { tempFolder } from '../../fixtures/temp-folder.js';

interface Setup {
  readonly batcher: Batcher;
  readonly store: Store;
  /** Batches in the order in which the store was asked to commit them. */
  readonly asked: Batch[];
  readonly states: string[];
  readonly acked: number[];
  /** What was committed, and what the streams had then. */
  readonly committed: { readonly batch: Batch; readonly streams: readonly CommittedStream[] }[];
  /** One MQTT message with these drones in it. */
  receive(number: number, ...seqs: (number | Record<string, unknown>)[]): void;
}

/** `fault` throws, or waits, before the store sees a batch. */
async function setUp(
  t: TestContext,
  fault: (batch: Batch, n: number) => Promise<void> | void = () => {},
): Promise<Setup> {
  const store = await openStore(`sqlite:${join(tempFolder(t), 'server.db')}`);
  t.after(() => store.close());
  const asked: Batch[] = [];
  const states: string[] = [];
  const acked: number[] = [];
  const committed: Setup['committed'] = [];
  const commit = async (batch: Batch): Promise<CommitResult> => {
    asked.push(batch);
    await fault(batch, asked.length);
    return store.commit(batch);
  };
  const backoff = new Backoff({ minMs: 5, maxMs: 10 });
  const batcher = new Batcher({
    store: { commit },
    onCommitted: (batch, streams) => committed.push({ batch, streams }),
    onStore: (state) => states.push(state),
    log: createLogger('silent'),
    backoff,
  });
  const decoder = new Decoder(DEFAULT_TOPICS);
  const receive = (number: number, ...seqs: (number | Record<string, unknown>)[]): void => {
    const body = seqs.map((seq) => ({
      id: 'drone-1',
      seen_by: 'wardragon-A',
      observed_at: 1_795_447_000 + (typeof seq === 'number' ? seq : Number(seq['seq'])),
      sink: { v: 1, epoch: '00000001abcdef01', seq: typeof seq === 'number' ? seq : seq['seq'] },
      ...(typeof seq === 'number' ? {} : seq),
    }));
    const incoming = {
      topic: 'wardragon/drones',
      payload: Buffer.from(JSON.stringify(body)),
      receivedUs: 1_795_448_000e6,
    };
    batcher.add({ batch: decoder.decode(incoming), ack: () => acked.push(number) });
  };
  return { batcher, store, asked, states, acked, committed, receive };
}

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

  test('keeps everything through an outage, says so once, and goes on by itself', async (t) => {
    const away = new StoreError('away', { code: 'unavailable', retryable: true });
    const { acked, states, receive, store, batcher } = await setUp(t, (_, n) => {
      if (n <= 5) throw away;
    });
    for (let i = 1; i <= 10; i += 1) receive(i, i);
    await eventually('all', () => acked.length === 10, 5_000);
    assert.deepEqual(states, ['down', 'ok']);
    assert.equal((await store.counts()).rows.drone, 10);
    assert.equal(batcher.counts.drone.stored, 10);
  });

  test('finds the one row that the database refuses, keeps it as a reject, and stores its neighbours', async (t) => {
    const { acked, receive, store } = await setUp(t, ({ observations }) => {
      if (observations.some(({ columns }) => columns['mac'] === 'poison')) throw new StoreError('no', { code: 'data' });
    });
    receive(1, 1, 2, { seq: 3, mac: 'poison' }, 4);
    receive(2, 5, 6, 7);
    await eventually('both', () => acked.length === 2, 5_000);
    const { rows, rejects } = await store.counts();
    assert.deepEqual([rows.drone, rejects], [6, 1]);
    const [entry] = await store.ledger();
    assert.deepEqual(entry?.received, [[1, 7]], 'a reject counts as received');
    assert.equal(entry.rejected, 1);
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

  test('a status counts after the messages that came before it, also when one of them is not storable', async (t) => {
    const { acked, batcher, receive, store } = await setUp(t, ({ observations }) => {
      if (observations.some(({ columns }) => columns['mac'] === 'poison')) throw new StoreError('no', { code: 'data' });
    });
    receive(1, 1, { seq: 2, mac: 'poison' }, 3);
    const stream = {
      epoch: '00000001abcdef01',
      kind: 'drone' as const,
      floor: 4,
      next: 6,
      evicted: [],
      quarantined: [],
    };
    const reports = [{ kitId: 'wardragon-A', opening: 'o', n: 1, listing: null, reconnects: 0, streams: [stream] }];
    batcher.add({ batch: { observations: [], rejects: [], contacts: [], reports }, ack: () => acked.push(2) });
    await eventually('both', () => acked.length === 2, 1_000);
    const [entry] = await store.ledger();
    assert.deepEqual([entry?.received, entry?.waiting, entry?.missing], [[[1, 3]], [[4, 5]], []]);
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

  test('drops beyond its bound, and counts what it dropped', async (t) => {
    const { batcher, receive } = await setUp(t, () => new Promise(() => {}));
    for (let i = 1; i <= 10_600; i += 1) receive(i, i);
    assert.ok(batcher.dropped >= 590 && batcher.dropped <= 600, `${batcher.dropped}`);
  });
});
