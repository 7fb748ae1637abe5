// The contract of a store, about what was rejected: what is kept of it, and its second try.
import { deepEqual, equal, match, ok, rejects as throws } from 'node:assert/strict';
import { test } from 'node:test';
import { StoreError } from '../../../src/base/errors.js';
import { DEFAULT_TOPICS } from '../../../src/schema/topics.js';
import { Decoder } from '../../../src/server/decode.js';
import { MAX_KEPT_BYTES, type Retried, retry, type StoredReject } from '../../../src/server/rejects.js';
import type { Store } from '../../../src/server/store.js';
import { at, batch, contact, drone, EPOCH, KIT, LATER_EPOCH, reject, signal, T0_US, whole } from './store-batches.js';
import type { Build } from './store-harness.js';

const NOW_US = T0_US + 60e6;
const MESSAGE = { id: 'drone-1', seen_by: KIT, observed_at: T0_US / 1e6, lat: 39.1, lon: -104.9 };
const SINK = { v: 1, epoch: EPOCH, seq: 1 };

const good = (fields: object = {}): Buffer => Buffer.from(JSON.stringify({ ...MESSAGE, sink: SINK, ...fields }));

async function only(store: Store): Promise<StoredReject> {
  const [found, ...others] = await store.rejects.newest({}, 10);
  ok(found !== undefined && others.length === 0);
  return found;
}

function again(store: Store, found: StoredReject, nowUs = NOW_US): Promise<Retried> {
  return retry(store.rejects, new Decoder(DEFAULT_TOPICS), found, nowUs);
}

export function rejectCases(build: Build): void {
  test('they are listed, counted and found as they came', async (t) => {
    const store = await (await build(t)).open(() => NOW_US);
    const garbage = reject({
      kitId: null,
      kind: null,
      identity: null,
      reason: 'json',
      payload: Buffer.from([0, 255, 1]),
    });
    const rejects = [reject(), garbage, reject({ identity: at(2), kitId: 'wardragon-2' })];
    await store.commit(whole({ rejects }));
    const newest = await store.rejects.newest({}, 2);
    deepEqual(newest.map(({ kitId }) => kitId), ['wardragon-2', null]); // biome-ignore format: short
    const { id, ...shown } = newest[1] ?? (await only(store));
    deepEqual({ ...shown, payload: [...shown.payload] }, { ...garbage, payload: [0, 255, 1] });
    deepEqual((await store.rejects.find(id))?.reason, 'json');
    equal(await store.rejects.find(1_000_000), null);
    deepEqual((await store.rejects.newest({ kitId: KIT }, 10)).length, 1);
    deepEqual(await store.rejects.counts({}), new Map([['schema', 2], ['json', 1]])); // biome-ignore format: short
    deepEqual(await store.rejects.counts({ reason: 'json' }), new Map([['json', 1]]));
    const inOrder = await store.rejects.after(0, { reason: 'schema' }, 10);
    deepEqual(inOrder.map(({ kitId }) => kitId), [KIT, 'wardragon-2']); // biome-ignore format: short
    deepEqual(await store.rejects.after(inOrder[1]?.id ?? 0, {}, 10), []);
  });

  test('what can be stored now is, and is a reject no more; its seq stays received, and is no resend', async (t) => {
    const harness = await build(t);
    let nowUs = NOW_US;
    const store = await harness.open(() => nowUs);
    await store.commit(whole({ rejects: [reject({ payload: good() })] }));
    await store.commit(batch(drone({ identity: at(2), thing: 'drone-2' })));
    const [before] = await store.ledger();
    deepEqual([before?.received, before?.rejected], [[[1, 2]], 1]);
    nowUs += 3_600e6;
    deepEqual((await again(store, await only(store))).outcome, 'stored');
    const { rows, rejects, doubled } = await store.counts();
    deepEqual([rows.drone, rejects, doubled], [2, 0, 0]);
    const [entry] = await store.ledger();
    deepEqual([entry?.received, entry?.next, entry?.refused, entry?.rejected], [[[1, 2]], 3, 0, 0]);
    equal(entry?.lastContactUs, before?.lastContactUs, 'nothing came from the kit');
    const [row] = (await harness.rows('drones')).filter(({ sink_seq: seq }) => seq === 1);
    deepEqual([row?.['sink_epoch'], row?.['lat'], row?.['time']], [EPOCH, 39.1, T0_US]);
    await store.commit(batch(drone({ identity: at(1) })));
    deepEqual((await store.ledger())[0]?.refused, 1, 'from then on a resend is one');
    equal((await store.counts()).rows.drone, 2);
  });

  test('to try one again is no contact of its kit, and one that was removed is not online by it', async (t) => {
    const store = await (await build(t)).open(() => NOW_US);
    const kitNow = async () => (await store.kits.list()).map(({ status, lastSeenUs }) => [status, lastSeenUs]);
    const rejects = [1, 2].map((seq) => reject({ identity: at(seq), payload: good({ sink: { ...SINK, seq } }) }));
    await store.commit(batch(drone({ identity: at(3), keyUs: T0_US - 9, timeUs: T0_US - 9 })));
    await store.commit(whole({ rejects, contacts: [contact({ atUs: T0_US - 5, online: false })] }));
    const [second, first] = await store.rejects.newest({}, 2);
    ok(first !== undefined && second !== undefined);
    equal((await again(store, first)).outcome, 'stored');
    deepEqual(await kitNow(), [['offline', T0_US - 9]]);
    await store.kits.remove(KIT);
    equal((await again(store, second)).outcome, 'merged');
    deepEqual(await kitNow(), [['offline', null]]);
  });

  test('one whose observation came another way is merged; one that is there already is let go', async (t) => {
    const store = await (await build(t)).open(() => NOW_US);
    await store.commit(whole({ rejects: [reject({ payload: good() })] }));
    await store.commit(batch(drone({ identity: null })));
    equal((await again(store, await only(store))).outcome, 'merged');
    // Its identity was not known when it was rejected, and the kit has sent it again since.
    await store.commit(whole({ rejects: [reject({ kitId: null, identity: null, reason: 'kit', payload: good() })] }));
    equal((await again(store, await only(store))).outcome, 'duplicate');
    const { rows, rejects } = await store.counts();
    deepEqual([rows.drone, rejects], [1, 0]);
  });

  test('one that fails again stays, with the new reason; so does one that the database refuses', async (t) => {
    const store = await (await build(t)).open(() => NOW_US);
    await store.commit(whole({ rejects: [reject({ reason: 'json', payload: good({ observed_at: 12 }) })] }));
    const result = await again(store, await only(store));
    deepEqual([result.outcome, result.reason], ['failed', 'time']);
    const kept = await only(store);
    deepEqual([kept.reason, kept.identity, kept.payload], ['time', at(1), good({ observed_at: 12 })]);
    const unstorable = { ...drone({ identity: at(1) }), columns: { no_such_column: 1 } };
    await throws(store.rejects.store(kept, [unstorable]), (error: unknown) => {
      return error instanceof StoreError && error.code === 'data';
    });
    const refusing = { ...store.rejects, explain: store.rejects.explain.bind(store.rejects), store: fails };
    const refused = await retry(refusing as Store['rejects'], { decode: () => batch(unstorable) }, kept, NOW_US);
    deepEqual([refused.outcome, refused.reason], ['failed', 'database']);
    equal((await only(store)).reason, 'database');
    const [entry] = await store.ledger();
    deepEqual([entry?.received, entry?.rejected, entry?.refused], [[[1, 1]], 1, 0], 'nothing has moved');
    function fails(): Promise<never> {
      return Promise.reject(new StoreError('no', { code: 'data' }));
    }
  });

  test('two who try the same one store it once', async (t) => {
    const harness = await build(t);
    const [one, other] = [await harness.open(() => NOW_US), await harness.open(() => NOW_US)];
    await one.commit(whole({ rejects: [reject({ payload: good() })] }));
    const found = await only(one);
    const results = await Promise.all([again(one, found), again(other, found)]);
    deepEqual(results.map(({ outcome }) => outcome).sort(), ['gone', 'stored']); // biome-ignore format: short
    deepEqual([(await one.ledger())[0]?.received, (await one.ledger())[0]?.refused], [[[1, 1]], 0]);
  });

  test('one whose time can not be is stored with the offset its kit has told since, under the time it came with', async (t) => {
    const harness = await build(t);
    const store = await harness.open(() => NOW_US);
    const rawS = 312.5;
    const payload = good({ observed_at: rawS });
    const rejects = [
      reject({ reason: 'time', payload }),
      reject({
        reason: 'time',
        kitId: 'wardragon-2',
        identity: at(2),
        payload: good({ observed_at: rawS, seen_by: 'wardragon-2' }),
      }),
    ];
    await store.commit(whole({ rejects }));
    const [other, found] = await store.rejects.newest({}, 10);
    ok(other !== undefined && found !== undefined);
    equal((await again(store, found)).reason, 'time', 'nothing is known yet');
    const stream = { epoch: EPOCH, kind: 'drone', floor: 1, next: 2, evicted: [], quarantined: [] } as const;
    const report = { kitId: KIT, opening: 'o', n: 1, listing: null, reconnects: 0, streams: [stream] };
    const later = { ...report, opening: 'p', streams: [{ ...stream, epoch: LATER_EPOCH }] };
    await store.commit(whole({ reports: [{ ...later, clockOffsetS: 9e8 }] }));
    equal((await again(store, found)).reason, 'time', 'another boot began with another wrong time');
    await store.commit(whole({ reports: [{ ...report, opening: 'q', clockOffsetS: T0_US / 1e6 - rawS }] }));
    await store.commit(whole({ reports: [{ ...report, opening: 'q', n: 2 }] })); // it was set meanwhile
    equal(await store.rejects.clockOffsetS(KIT, EPOCH), T0_US / 1e6 - rawS);
    equal((await again(store, found)).outcome, 'stored');
    equal((await again(store, other)).reason, 'time', 'another kit has another clock');
    await store.commit(
      whole({ reports: [{ ...later, n: 9, opening: 'r', clockOffsetS: 77, clockOffsetEpochs: [EPOCH] }] }),
    );
    equal(await store.rejects.clockOffsetS(KIT, EPOCH), 77, 'of an earlier process of the same boot');
    const [row] = await harness.rows('drones');
    deepEqual([row?.['time'], Number(row?.['observed_raw'])], [T0_US, rawS * 1e6]);
  });

  test('one whose time its kit has put right already does not get the offset a second time', async (t) => {
    const store = await (await build(t)).open(() => NOW_US);
    const offsetS = T0_US / 1e6 - 312.5;
    const payload = good({ observed_at: 312.5, sink: { ...SINK, observed_raw: 300 } });
    await store.commit(whole({ rejects: [reject({ reason: 'time', payload })] }));
    const stream = { epoch: EPOCH, kind: 'drone', floor: 1, next: 2, evicted: [], quarantined: [] } as const;
    const report = { kitId: KIT, opening: 'o', n: 1, listing: null, reconnects: 0, streams: [stream] };
    await store.commit(whole({ reports: [{ ...report, clockOffsetS: offsetS }] }));
    equal(await store.rejects.clockOffsetS(KIT, EPOCH), offsetS);
    equal((await again(store, await only(store))).reason, 'time');
  });

  test('a truncated one, a status and one without a topic stay as they are', async (t) => {
    const store = await (await build(t)).open(() => NOW_US);
    const long = good({ description: 'x'.repeat(20_000) }).subarray(0, MAX_KEPT_BYTES);
    const status = Buffer.from(
      JSON.stringify({
        v: 1, kit_id: KIT, version: '1', time: '', clock_offset_s: 0, opening: 'o', n: 1, ledger: [],
        spool: { waiting: 0, handed_over: 0, bytes: 0, oldest_at: null },
        counts: { accepted: 0, delivered: 0, resent: 0, refused: 0, evicted: {}, evicted_handed_over: {} },
        link: { connected: true, reconnects: 0 }, source: { state: 'ok' },
      }), // biome-ignore format: a table
    );
    const rejects = [
      reject({ payload: long }),
      reject({ topic: `wardragon/sink/${KIT}/status`, kind: null, identity: null, payload: status }),
      reject({ topic: '', identity: at(3), payload: good() }),
    ];
    await store.commit(whole({ rejects }));
    const found = await store.rejects.after(0, {}, 10);
    const results = await Promise.all(found.map((one) => again(store, one)));
    deepEqual(results.map(({ outcome }) => outcome), ['truncated', 'failed', 'failed']); // biome-ignore format: short
    match(results[1]?.detail ?? '', /a kit's status/);
    match(results[2]?.detail ?? '', /from a file/);
    equal((await store.counts()).rejects, 3);
  });

  test('a whole one of just the size that is kept is not taken for truncated', async (t) => {
    const store = await (await build(t)).open(() => NOW_US);
    const rest = MAX_KEPT_BYTES - good({ description: '' }).length;
    await store.commit(whole({ rejects: [reject({ payload: good({ description: 'x'.repeat(rest) }) })] }));
    const found = await only(store);
    equal(found.payload.length, MAX_KEPT_BYTES);
    equal((await again(store, found)).outcome, 'stored');
  });

  test('those that are not kept are received and counted all the same', async (t) => {
    const store = await (await build(t)).open(() => NOW_US);
    const rejects = [reject({ kept: false }), reject({ identity: at(2) })];
    const result = await store.commit(whole({ rejects }));
    equal(result.counts.drone.rejected, 2);
    deepEqual(result.streams[0]?.received, [[1, 2]]);
    deepEqual([(await store.counts()).rejects, (await store.ledger())[0]?.rejected], [1, 2]);
    deepEqual((await store.commit(batch(signal()))).counts.signal.stored, 1);
  });
}
