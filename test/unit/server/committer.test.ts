// Outages, and what the database refuses.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { StoreError } from '../../../src/base/errors.js';
import { DEFAULT_TOPICS } from '../../../src/schema/topics.js';
import { Batcher } from '../../../src/server/batcher.js';
import { Decoder } from '../../../src/server/decode.js';
import { retry } from '../../../src/server/rejects.js';
import { openStore } from '../../../src/server/stores/open-store.js';
import { MemoryLog } from '../../fixtures/memory-log.js';
import { eventually } from '../../fixtures/processes.js';
import { tempFolder } from '../../fixtures/temp-folder.js';
import { LINK, of, setUp } from './batcher-harness.js';
import { contact, drone, KIT, reject, report, stream, whole } from './store-batches.js';

describe('the committer', () => {
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

  test('a kit whose commits always fail is tried less and less often, and is said to be an outage at most once', async (t) => {
    const { batcher, states, asked } = await setUp(t, ({ contacts }) => {
      if (contacts.some(({ kitId }) => kitId === 'wardragon-bad'))
        throw new StoreError('no right', { code: 'privilege', retryable: true });
    });
    void batcher.add(of('wardragon-bad'));
    const good = setInterval(() => void batcher.add(of('wardragon-good')), 1);
    const bad = (): number => asked.filter(({ contacts }) => contacts[0]?.kitId === 'wardragon-bad').length;
    await eventually('some tries', () => bad() >= 10, 5_000);
    clearInterval(good);
    await batcher.stop();
    assert.ok(states.length <= 2, states.join());
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

  test('what always takes longer than a statement may is committed in smaller and smaller parts', async (t) => {
    const { acked, asked, receive, store } = await setUp(t, ({ observations }) => {
      if (observations.length > 2) throw new StoreError('canceling statement', { code: 'timeout', retryable: true });
    });
    receive(1, 1, 2, 3, 4, 5, 6, 7, 8);
    await eventually('it', () => acked.length === 1, 5_000);
    assert.deepEqual(
      asked.map(({ observations }) => observations.length),
      [8, 8, 4, 4, 2, 2, 4, 4, 2, 2],
      'once more as it is, for the database may have been busy',
    );
    assert.deepEqual([(await store.counts()).rows.drone, (await store.counts()).rejects], [8, 0]);
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
