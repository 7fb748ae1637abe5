// Batches, acknowledgements and outages. The store is SQLite, with faults put in front of it.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { Backoff } from '../../../src/base/backoff.js';
import { StoreError } from '../../../src/base/errors.js';
import { DEFAULT_TOPICS } from '../../../src/schema/topics.js';
import { Batcher, type Received } from '../../../src/server/batcher.js';
import { Decoder } from '../../../src/server/decode.js';
import { retry } from '../../../src/server/rejects.js';
import type { Batch, CommitResult, CommittedStream, Store } from '../../../src/server/store.js';
import { openStore } from '../../../src/server/stores/open-store.js';
import { MemoryLog } from '../../fixtures/memory-log.js';
import { eventually } from '../../fixtures/processes.js';
import { tempFolder } from '../../fixtures/temp-folder.js';
import { contact, drone, KIT, reject, report, stream, whole } from './store-batches.js';

const LINK = {};

interface Setup {
  readonly batcher: Batcher;
  readonly store: Store;
  /** Batches in the order in which the store was asked to commit them. */
  readonly asked: Batch[];
  readonly states: string[];
  readonly acked: number[];
  /** What was committed, and what the streams had then. */
  readonly committed: { readonly batch: Batch; readonly streams: readonly CommittedStream[] }[];
  readonly log: MemoryLog;
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
  const log = new MemoryLog();
  const backoff = new Backoff({ minMs: 5, maxMs: 10 });
  const batcher = new Batcher({
    store: { commit },
    onCommitted: (batch, streams) => committed.push({ batch, streams }),
    onStore: (state) => states.push(state),
    log,
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
    batcher.add({ batch: decoder.decode(incoming), ack: () => acked.push(number), from: LINK });
  };
  return { batcher, store, asked, states, acked, committed, log, receive };
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

  const of = (kitId: string): Received => ({
    batch: whole({ contacts: [contact({ kitId })] }),
    ack: () => {},
    from: LINK,
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

  test('a commit that fails while others go well is tried again, and is no outage', async (t) => {
    let fail = (_: StoreError): void => {};
    const { batcher, asked, states, log, committed } = await setUp(t, (_, n) =>
      n === 1 ? new Promise((__, reject) => (fail = reject)) : undefined,
    );
    void batcher.add(of('wardragon-A'));
    await eventually('the first', () => asked.length === 1, 1_000);
    void batcher.add(of('wardragon-B'));
    await eventually('the second', () => committed.length === 1, 1_000);
    fail(new StoreError('no connection is free', { code: 'busy', retryable: true }));
    await eventually('the first again', () => committed.length === 2, 1_000);
    assert.deepEqual(log.texts, ['warn: database: no connection is free; trying this commit again']);
    assert.deepEqual(states, []);
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
    const [refused] = await store.rejects.newest({}, 1);
    assert.ok(refused);
    assert.deepEqual([refused.reason, refused.topic], ['database', 'wardragon/drones']);
    assert.equal(JSON.parse(refused.payload.toString()).mac, 'poison', 'as it came');
    const nowUs = 1_795_448_000e6;
    const { outcome } = await retry(store.rejects, new Decoder(DEFAULT_TOPICS), refused, nowUs);
    assert.deepEqual([outcome, (await store.counts()).rows.drone], ['stored', 7]);
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
    batcher.add({
      batch: { observations: [], rejects: [], contacts: [], reports },
      ack: () => acked.push(2),
      from: LINK,
    });
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

describe('what the database takes in no form', () => {
  const no = (): never => {
    throw new StoreError('no', { code: 'data' });
  };
  const good = (seq: number) => drone({ thing: `drone-${seq}`, identity: { epoch: '00000001abcdef01', seq } });

  test('a report becomes a reject; its neighbours, before and after, are stored', async (t) => {
    const { batcher, acked, store } = await setUp(t, ({ reports }) => {
      if (reports.some(({ opening }) => opening === 'poison')) no();
    });
    const reports = [report(1, [stream(1, 9)], { opening: 'poison' }), report(1, [stream(2, 8)], { kitId: 'other' })];
    const batch = whole({ observations: [good(1)], contacts: [contact()], reports });
    batcher.add({ batch, ack: () => acked.push(1), from: LINK });
    await eventually('it', () => acked.length === 1, 5_000);
    const { rows, rejects } = await store.counts();
    assert.deepEqual([rows.drone, rejects], [1, 1]);
    assert.deepEqual((await store.ledger('other'))[0]?.waiting, [[2, 7]]);
    assert.deepEqual((await store.ledger(KIT))[0]?.rejected, 0, 'the observation was none');
  });

  test('a contact is left out', async (t) => {
    const { batcher, acked, store, log } = await setUp(t, ({ contacts }) => {
      if (contacts.length > 0) no();
    });
    batcher.add({ batch: whole({ contacts: [contact()] }), ack: () => acked.push(1), from: LINK });
    batcher.add({ batch: whole({ observations: [good(1)] }), ack: () => acked.push(2), from: LINK });
    await eventually('both', () => acked.length === 2, 5_000);
    assert.equal((await store.counts()).rows.drone, 1);
    assert.match(log.texts.join(), /error: left out/);
  });

  test('a reject whose kit is the trouble is kept without it, and one that is trouble itself is left out', async (t) => {
    let takesRejects = true;
    const { batcher, acked, store, log } = await setUp(t, ({ observations, rejects }) => {
      if ([...observations, ...rejects].some(({ kitId }) => kitId !== null)) no();
      if (!takesRejects && rejects.length > 0) no();
    });
    batcher.add({ batch: whole({ observations: [good(1)] }), ack: () => acked.push(1), from: LINK });
    await eventually('the first', () => acked.length === 1, 5_000);
    assert.equal((await store.counts()).rejects, 1);
    takesRejects = false;
    batcher.add({ batch: whole({ rejects: [reject()] }), ack: () => acked.push(2), from: LINK });
    await eventually('the second', () => acked.length === 2, 5_000);
    assert.equal((await store.counts()).rejects, 1);
    assert.match(log.texts.join(), /error: left out/);
  });
});

test('whoever hears of a commit and throws keeps neither the others nor the next commit from coming', async (t) => {
  const store = await openStore(`sqlite:${join(tempFolder(t), 'server.db')}`);
  t.after(() => store.close());
  const told: string[] = [];
  const log = new MemoryLog();
  const throwing = (what: string): never => {
    told.push(what);
    throw new TypeError('a fault');
  };
  const batcher = new Batcher({ store, onCommitted: () => throwing('committed'), onStore: () => {}, log });
  for (let i = 1; i <= 2; i += 1) {
    batcher.add({ batch: whole({ contacts: [contact()] }), ack: () => throwing('ack'), from: LINK });
    await eventually('the commit', () => told.length === 2 * i, 5_000);
  }
  assert.deepEqual(told, ['ack', 'committed', 'ack', 'committed']);
  assert.equal(log.lines.length, 4);
});
