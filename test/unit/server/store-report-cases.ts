// The contract of a store, about what kits report: what is waiting, what is missing, and which statuses count.
import { deepEqual, equal } from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { CommittedStream, KitReport, Store } from '../../../src/server/store.js';
import {
  at,
  batch,
  drone,
  EPOCH,
  KIT,
  LATER_EPOCH,
  reject,
  report,
  reports,
  stream,
  system,
  T0_US,
  whole,
} from './store-batches.js';
import type { Build } from './store-harness.js';

const SECOND_US = 1e6;

interface Setup {
  readonly store: Store;
  /** Messages of the kit's drones. */
  send(seqs: readonly number[], epoch?: string): Promise<readonly CommittedStream[]>;
  say(...said: KitReport[]): Promise<readonly CommittedStream[]>;
  passes(seconds: number): void;
  /** One part of the ledger's accounts, by epoch; without those that have none. */
  account(part: 'received' | 'waiting' | 'missing' | 'evicted' | 'quarantined'): Promise<Record<string, unknown>>;
}

async function setUp(build: Build, t: TestContext): Promise<Setup> {
  let nowUs = T0_US;
  const store = await (await build(t)).open(() => nowUs);
  const one = (seq: number, epoch: string) => drone({ thing: `${epoch} ${seq}`, identity: at(seq, epoch) });
  return {
    store,
    send: async (seqs, epoch = EPOCH) => (await store.commit(batch(...seqs.map((seq) => one(seq, epoch))))).streams,
    say: async (...said) => (await store.commit(reports(...said))).streams,
    passes: (seconds) => {
      nowUs += seconds * SECOND_US;
    },
    account: async (part) => {
      const entries = (await store.ledger(KIT)).map((entry) => [entry.epoch, entry[part]] as const);
      return Object.fromEntries(entries.filter(([, ranges]) => ranges.length > 0));
    },
  };
}

const whenListed = { listing: { part: 1, of: 1 } };

export function reportCases(build: Build): void {
  test('of a kit that has said nothing, what is not there is waiting', async (t) => {
    const { send, account } = await setUp(build, t);
    await send([2, 5]);
    deepEqual(await account('waiting'), {
      [EPOCH]: [
        [1, 1],
        [3, 4],
      ],
    });
    deepEqual(await account('missing'), {});
  });

  test('what the kit still has is waiting, also of a stream that nothing has come of', async (t) => {
    const { send, say, passes, account, store } = await setUp(build, t);
    await send([1, 2, 3, 7]);
    await say(report(1, [stream(4, 11), stream(1, 3, { epoch: LATER_EPOCH })], whenListed));
    passes(3600);
    deepEqual(await account('waiting'), {
      [EPOCH]: [
        [4, 6],
        [8, 10],
      ],
      [LATER_EPOCH]: [[1, 2]],
    });
    deepEqual(await account('missing'), {});
    deepEqual(
      (await store.ledger()).map(({ next }) => next),
      [11, 3],
    );
  });

  test('what the kit no longer has is missing when that has stood for a minute, and not when it comes after all', async (t) => {
    const { send, say, passes, account } = await setUp(build, t);
    await send([1, 2, 5]);
    await say(report(1, [stream(7, 9)]));
    deepEqual([await account('missing'), await account('waiting')], [{}, { [EPOCH]: [[7, 8]] }]);
    passes(59);
    await say(report(2, [stream(8, 9)]));
    deepEqual(await account('missing'), {});
    passes(1);
    deepEqual(await account('missing'), {
      [EPOCH]: [
        [3, 4],
        [6, 6],
      ],
    });
    passes(59);
    await send([3, 6]);
    deepEqual(await account('missing'), {
      [EPOCH]: [
        [4, 4],
        [7, 7],
      ],
    });
  });

  test('what was evicted, or is set aside, is not missing; received beats it', async (t) => {
    const { send, say, passes, account } = await setUp(build, t);
    await say(
      report(1, [
        stream(9, 10, {
          evicted: [
            [1, 3],
            [7, 7],
          ],
          quarantined: [[5, 6]],
        }),
      ]),
    );
    // The kit forgets what it has told; one that it had set aside it has given up since.
    await say(report(2, [stream(9, 10, { evicted: [[5, 5]], quarantined: [[6, 6]] })]));
    await send([2, 7]);
    passes(60);
    deepEqual(await account('evicted'), {
      [EPOCH]: [
        [1, 1],
        [3, 3],
        [5, 5],
      ],
    });
    deepEqual(await account('quarantined'), { [EPOCH]: [[6, 6]] });
    deepEqual(await account('missing'), {
      [EPOCH]: [
        [4, 4],
        [8, 8],
      ],
    });
    deepEqual(await account('waiting'), { [EPOCH]: [[9, 9]] });
  });

  test('what was set aside and is tried once more is waiting, until it comes', async (t) => {
    const { send, say, passes, account } = await setUp(build, t);
    await send([1, 2]);
    await say(report(1, [stream(5, 5, { quarantined: [[3, 4]] })]));
    passes(60);
    deepEqual([await account('quarantined'), await account('missing')], [{ [EPOCH]: [[3, 4]] }, {}]);
    await say(report(2, [stream(3, 5)]));
    passes(60);
    deepEqual([await account('waiting'), await account('quarantined')], [{ [EPOCH]: [[3, 4]] }, {}]);
    deepEqual(await account('missing'), {});
    await send([3, 4]);
    await say(report(3, [stream(5, 5)]));
    passes(60);
    deepEqual([await account('received'), await account('waiting')], [{ [EPOCH]: [[1, 4]] }, {}]);
    deepEqual(await account('missing'), {});
  });

  test('what was tried once more and is then nowhere is missing', async (t) => {
    const { send, say, passes, account } = await setUp(build, t);
    await send([1, 2]);
    await say(report(1, [stream(5, 5, { quarantined: [[3, 4]] })]));
    await say(report(2, [stream(3, 5, { quarantined: [[4, 4]] })]));
    await say(report(3, [stream(5, 5, { quarantined: [[4, 4]] })]));
    passes(60);
    deepEqual([await account('missing'), await account('quarantined')], [{ [EPOCH]: [[3, 3]] }, { [EPOCH]: [[4, 4]] }]);
    // So is what lay on a disk that was put back to a day before its epoch began.
    await say(report(1, [], { opening: 'opening-2', ...whenListed }));
    passes(60);
    deepEqual([await account('missing'), await account('quarantined')], [{ [EPOCH]: [[3, 4]] }, {}]);
  });

  test('a long list of what was evicted comes in pieces, each with all that is set aside', async (t) => {
    const { say, account } = await setUp(build, t);
    const quarantined: [number, number][] = [[8, 9]];
    const pieces = ([[1, 2], [4, 5]] as const).map((range) => stream(10, 10, { evicted: [range], quarantined })); // biome-ignore format: short
    await say(report(1, pieces));
    deepEqual(await account('evicted'), { [EPOCH]: [[1, 2], [4, 5]] }); // biome-ignore format: short
    deepEqual(await account('quarantined'), { [EPOCH]: [[8, 9]] });
  });

  test('of one opening only a higher n counts; a later opening replaces it, and it never comes back', async (t) => {
    const { say, account } = await setUp(build, t);
    const waits = async (): Promise<unknown> => (await account('waiting'))[EPOCH];
    await say(report(5, [stream(1, 6)]));
    await say(report(5, [stream(3, 6)]), report(4, [stream(4, 6)]));
    deepEqual(await waits(), [[1, 5]]);
    await say(report(1, [stream(5, 6)], { opening: 'opening-2' }));
    deepEqual(await waits(), [[5, 5]]);
    await say(report(6, [stream(1, 6)]));
    deepEqual(await waits(), [[5, 5]]);
    await say(report(1, [stream(4, 6)], { opening: 'opening-3' }), report(9, [stream(1, 6)], { opening: 'opening-2' }));
    deepEqual(await waits(), [[4, 5]]);
  });

  test('an epoch that ends earlier in a restored spool has lost its end', async (t) => {
    const { send, say, passes, account } = await setUp(build, t);
    await send([1, 2, 3, 8]);
    await say(report(7, [stream(4, 10)], whenListed));
    await say(report(1, [stream(4, 6)], { opening: 'opening-2', ...whenListed }));
    passes(60);
    deepEqual(await account('waiting'), { [EPOCH]: [[4, 5]] });
    deepEqual(await account('missing'), {
      [EPOCH]: [
        [6, 7],
        [9, 9],
      ],
    });
    // One of it was still on its way, and shows that there were others.
    await send([12]);
    deepEqual(await account('waiting'), {
      [EPOCH]: [
        [4, 5],
        [10, 11],
      ],
    });
    await say(report(2, [], { opening: 'opening-2' }));
    passes(60);
    deepEqual(await account('waiting'), { [EPOCH]: [[4, 5]] });
    deepEqual(await account('missing'), {
      [EPOCH]: [
        [6, 7],
        [9, 11],
      ],
    });
  });

  test('an epoch that a restored spool does not list is gone, but only once all of the listing has come', async (t) => {
    const { send, say, passes, account } = await setUp(build, t);
    await send([1, 2]);
    await say(report(7, [stream(2, 6)], whenListed));
    const part = (n: number, which: number): KitReport =>
      report(n, which === 1 ? [stream(1, 3, { epoch: LATER_EPOCH })] : [], {
        opening: 'opening-2',
        listing: { part: which, of: 3 },
      });
    // Of one listing the second part is lost, of the next the first; and a message comes of what was not listed yet.
    await say(part(1, 1), part(3, 3));
    await send([1, 2]);
    await say(part(4, 1));
    await say(part(6, 2), part(7, 3));
    await send([6]);
    await say(report(8, [], { opening: 'opening-2' }));
    passes(60);
    deepEqual(await account('missing'), {});
    deepEqual(await account('waiting'), { [EPOCH]: [[3, 5]], [LATER_EPOCH]: [[1, 2]] });
    await say(part(9, 1));
    await say(part(10, 2), part(11, 3));
    passes(60);
    deepEqual(await account('missing'), { [EPOCH]: [[3, 5]] });
    deepEqual(await account('waiting'), { [LATER_EPOCH]: [[1, 2]] });
    // What of it is still on its way makes nothing else waiting again.
    await send([4, 9]);
    await say(report(12, [], { opening: 'opening-2' }));
    passes(60);
    deepEqual(await account('missing'), {
      [EPOCH]: [
        [3, 3],
        [5, 5],
        [7, 8],
      ],
    });
  });

  test('what was sent after a status is waiting with what was sent before it, until the next one', async (t) => {
    const { send, say, passes, account } = await setUp(build, t);
    await say(report(1, [stream(1, 3)], whenListed));
    await send([1, 2, 5, 6]);
    await send([2], LATER_EPOCH);
    passes(60);
    deepEqual(await account('waiting'), { [EPOCH]: [[3, 4]], [LATER_EPOCH]: [[1, 1]] });
    await say(report(2, [stream(5, 8), stream(2, 3, { epoch: LATER_EPOCH })]));
    deepEqual(await account('waiting'), { [EPOCH]: [[7, 7]] });
    passes(60);
    deepEqual(await account('missing'), { [EPOCH]: [[3, 4]], [LATER_EPOCH]: [[1, 1]] });
  });

  test('a batch says which streams it had messages or reports of, as they are since', async (t) => {
    const { store, send, say } = await setUp(build, t);
    const [first] = await send([1, 2, 4]);
    const received = [
      [1, 2],
      [4, 4],
    ];
    deepEqual(first, { kitId: KIT, epoch: EPOCH, kind: 'drone', received, floor: 1 });
    deepEqual((await send([2]))[0]?.received, received, 'a duplicate');
    deepEqual(await send([4], LATER_EPOCH), [
      { kitId: KIT, epoch: LATER_EPOCH, kind: 'drone', received: [[4, 4]], floor: 1 },
    ]);
    const { streams } = await store.commit(
      whole({ rejects: [reject({ identity: at(3) }), reject({ kitId: null, kind: null, identity: null })] }),
    );
    deepEqual(streams, [{ kitId: KIT, epoch: EPOCH, kind: 'drone', received: [[1, 4]], floor: 1 }], 'a reject');
    const said = [stream(3, 9), stream(1, 9, { kind: 'signal' })];
    const spoken = { kitId: KIT, epoch: EPOCH, kind: 'drone' as const, received: [[1, 4] as const], floor: 3 };
    deepEqual(await say(report(1, said)), [spoken], 'of signals nothing is there');
    deepEqual(await say(report(1, [stream(4, 9)])), [spoken], 'also for a status that does not count');
    deepEqual((await send([9]))[0]?.floor, 3);
    deepEqual((await store.commit(batch(drone({ identity: null }), system({ identity: null })))).streams, []);
  });

  test('a report counts after all messages of its batch, and the same batch again changes nothing', async (t) => {
    const { store, passes, account } = await setUp(build, t);
    const both = whole({ observations: [drone({ identity: at(2) })], reports: [report(1, [stream(3, 4)])] });
    await store.commit(both);
    passes(60);
    deepEqual(await account('missing'), { [EPOCH]: [[1, 1]] });
    const before = await store.ledger();
    passes(10);
    await store.commit(both);
    const [entry] = await store.ledger();
    deepEqual({ ...entry, refused: 0, lastContactUs: 0 }, { ...before[0], lastContactUs: 0 });
  });

  test('the largest numbers are kept as they are', async (t) => {
    const { say, send, account } = await setUp(build, t);
    const last = Number.MAX_SAFE_INTEGER;
    await send([last]);
    await say(report(last, [stream(last - 2, last, { evicted: [[1, last - 5]] })]));
    deepEqual(await account('received'), { [EPOCH]: [[last, last]] });
    deepEqual(await account('waiting'), { [EPOCH]: [[last - 2, last - 1]] });
    deepEqual(await account('evicted'), { [EPOCH]: [[1, last - 5]] });
  });

  test('two servers that hear the same statuses agree with each other, whichever comes first', async (t) => {
    const harness = await build(t);
    let nowUs = T0_US;
    const stores = [await harness.open(() => nowUs), await harness.open(() => nowUs)];
    const said = Array.from({ length: 40 }, (_, i) =>
      report(i + 1, [stream(i + 1, 100, { evicted: i % 4 === 0 ? [[i + 1, i + 1]] : [] })], {
        kitId: `wardragon-${i % 2}`,
      }),
    );
    await Promise.all(stores.flatMap((store) => said.map((one) => store.commit(reports(one)))));
    nowUs += 60 * SECOND_US;
    const ledgers = await Promise.all(stores.map((store) => store.ledger()));
    deepEqual(ledgers[0], ledgers[1]);
    deepEqual(
      ledgers[0]?.map(({ waiting }) => waiting),
      [[[39, 99]], [[40, 99]]],
    );
  });

  test('a database of the version before is given what it lacks, and keeps its ledger', async (t) => {
    const harness = await build(t);
    const before = await harness.open();
    await before.commit(batch(drone({ identity: at(3) })));
    await harness.execute('DROP TABLE ingest_openings');
    await harness.execute('DROP TABLE ingest_reports');
    await harness.execute("UPDATE ingest_meta SET value = '1' WHERE key = 'schema_version'");
    const store = await harness.open();
    await store.commit(reports(report(1, [stream(2, 7)])));
    const [entry] = await store.ledger();
    deepEqual(
      [entry?.received, entry?.waiting, entry?.next],
      [
        [[3, 3]],
        [
          [2, 2],
          [4, 6],
        ],
        7,
      ],
    );
    equal(store.storeId, before.storeId);
  });

  test('a kit that has only said its status is registered, and nothing says that it is there now', async (t) => {
    const harness = await build(t);
    const store = await harness.open();
    await store.commit(reports(report(1, [])));
    const [kit] = await harness.rows('kits');
    deepEqual([kit?.['kit_id'], kit?.['status'], kit?.['last_seen']], [KIT, 'offline', null]);
  });
}
