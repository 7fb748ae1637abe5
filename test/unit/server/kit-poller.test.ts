// The server's pollers against a real simulated DragonSync API and a real SQLite store.
import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { JsonObject } from '../../../src/base/json.js';
import { readSqlite } from '../../../src/base/sqlite.js';
import { toMessage } from '../../../src/dragonsync/normalise.js';
import { DEFAULT_TOPICS } from '../../../src/schema/topics.js';
import { Batcher } from '../../../src/server/batcher.js';
import { Decoder } from '../../../src/server/decode.js';
import type { Kit } from '../../../src/server/kits.js';
import { Answers } from '../../../src/server/poller/answers.js';
import { KitPoller } from '../../../src/server/poller/kit-poller.js';
import { Pollers, TIMES } from '../../../src/server/poller/pollers.js';
import type { Store } from '../../../src/server/store.js';
import { openStore } from '../../../src/server/stores/open-store.js';
import { type ApiContent, SimulatedDragonSync } from '../../../src/simulate/dragonsync-api.js';
import { createWorld } from '../../../src/simulate/world.js';
import { MemoryLog } from '../../fixtures/memory-log.js';
import { eventually } from '../../fixtures/processes.js';
import { recordedAnswers } from '../../fixtures/recordings.js';
import { tempFolder } from '../../fixtures/temp-folder.js';

const KIT = 'wardragon-DEMO0001';

interface Setup {
  readonly store: Store;
  readonly log: MemoryLog;
  readonly decoder: Decoder;
  readonly batcher: Batcher;
  readonly path: string;
  poll(serverId?: string): Pollers;
  kit(): Promise<Kit | undefined>;
  count(sql: string): number;
}

async function setUp(t: TestContext): Promise<Setup> {
  const path = join(tempFolder(t), 'server.db');
  const store = await openStore(`sqlite:${path}`);
  const log = new MemoryLog();
  const batcher = new Batcher({ store, onStore: () => {}, log });
  const decoder = new Decoder(DEFAULT_TOPICS);
  const started: Pollers[] = [];
  t.after(async () => {
    for (const pollers of started) await pollers.stop();
    await batcher.stop();
    await store.close();
  });
  return {
    store,
    log,
    decoder,
    batcher,
    path,
    poll: (serverId = 'test') => {
      const times = { pollMs: 20, statusMs: 40, awayMs: 50 };
      const options = { kits: store.kits, serverId, topics: DEFAULT_TOPICS, decoder, batcher, log };
      const pollers = new Pollers({ ...options, times, refreshMs: 50 });
      pollers.start();
      started.push(pollers);
      return pollers;
    },
    kit: async () => (await store.kits.list()).find(({ kitId }) => kitId === KIT),
    count: (sql) => {
      const db = readSqlite(path);
      try {
        return db.prepare(sql).pluck().get() as number;
      } finally {
        db.close();
      }
    },
  };
}

/** A world that stands still: the same answer again is no news. */
function still(): ApiContent {
  const nowS = Date.now() / 1_000 - 5;
  return createWorld({ nowS: () => nowS, drones: 5, aircraft: 3, signals: 2 });
}

async function serve(t: TestContext, world: ApiContent, port = 0): Promise<{ api: SimulatedDragonSync; url: string }> {
  const api = new SimulatedDragonSync({ world, port });
  const url = await api.start();
  t.after(() => api.stop());
  return { api, url };
}

const put = (store: Store, apiUrl: string, kitId = KIT) =>
  store.kits.put({ kitId, apiUrl, name: null, location: null });

test('what a kit shows is stored once: drones without seen_by under its id, aircraft in SI, signals, health', async (t) => {
  const { store, poll, kit, count } = await setUp(t);
  const { api, url } = await serve(t, still());
  await put(store, url);
  poll();
  await eventually('several polls', () => api.requests > 12);
  await eventually('all kinds', async () => (await store.counts()).rows.system === 1);
  deepEqual((await store.counts()).rows, { drone: 5, aircraft: 3, signal: 2, system: 1 });
  equal(count(`SELECT count(*) FROM drones WHERE sink_epoch IS NULL AND kit_id = '${KIT}'`), 8);
  ok(count("SELECT max(alt) FROM drones WHERE track_type = 'aircraft'") < 9_000, 'metres');
  equal(count('SELECT count(*) FROM ingest_rejects'), 0);
  equal(count('SELECT count(*) FROM kits'), 1);
  deepEqual([(await kit())?.status, (await kit())?.source], ['online', 'http']);
});

test('a kit that does not answer goes offline without having been seen, and comes back by itself', async (t) => {
  const { store, poll, kit, log } = await setUp(t);
  const { api, url } = await serve(t, still());
  await put(store, url);
  poll();
  await eventually('online', async () => (await kit())?.status === 'online');
  await api.stop();
  await eventually('offline', async () => (await kit())?.status === 'offline');
  const seenUs = (await kit())?.lastSeenUs;
  await eventually('the word of it', () => log.texts.some((text) => /polling: nothing listens/.test(text)));
  equal(log.texts.filter((text) => /polling: nothing listens/.test(text)).length, 1);
  equal((await kit())?.lastSeenUs, seenUs);
  await serve(t, still(), Number(new URL(url).port));
  await eventually('online again', async () => (await kit())?.status === 'online');
});

test('an API of another kit is refused, and so is one that talks nonsense: status error, nothing stored', async (t) => {
  const { store, poll, kit, log } = await setUp(t);
  // As SiK drones are: only the status tells whose they are.
  const world = still();
  const drones = () => world.drones().map((entry) => ({ ...entry, seen_by: null }));
  const { api, url } = await serve(t, { ...world, drones });
  await put(store, url, 'wardragon-other');
  const silent = { drones: () => [], signals: () => [], status: () => [] };
  const { url: nonsense } = await serve(t, silent as unknown as ApiContent);
  await put(store, nonsense);
  poll();
  await eventually('both in error', async () => (await store.kits.list()).every(({ status }) => status === 'error'));
  await eventually('some more turns', () => api.requests > 5);
  deepEqual((await store.counts()).rows, { drone: 0, aircraft: 0, signal: 0, system: 0 });
  ok(log.texts.some((text) => /is the API of wardragon-DEMO0001, not of wardragon-other/.test(text)));
  equal((await kit())?.lastSeenUs, null);
});

test('kits are taken up, changed, disabled and removed without a restart, and stay removed', async (t) => {
  const { store, poll, kit } = await setUp(t);
  const first = await serve(t, still());
  const second = await serve(t, still());
  poll();
  await put(store, first.url);
  await eventually('the first API', () => first.api.requests > 3);
  await put(store, second.url);
  await eventually('the second API', () => second.api.requests > 3);
  await store.kits.setEnabled(KIT, false);
  await eventually('quiet', async () => {
    const before = second.api.requests;
    await new Promise((resolve) => setTimeout(resolve, 150));
    return second.api.requests === before;
  });
  await store.kits.setEnabled(KIT, true);
  const asked = second.api.requests;
  await eventually('polled again', () => second.api.requests > asked);
  await store.kits.remove(KIT);
  await new Promise((resolve) => setTimeout(resolve, 200));
  equal(await kit(), undefined);
});

test('of two servers one polls; when it leaves, the other goes on at once', async (t) => {
  const { store, poll, log } = await setUp(t);
  const { api, url } = await serve(t, still());
  await put(store, url);
  const one = poll('one');
  await eventually('the first', () => api.requests > 3);
  poll('two');
  await new Promise((resolve) => setTimeout(resolve, 150));
  equal(log.texts.filter((text) => text === 'info: polling').length, 1);
  await one.stop();
  const asked = api.requests;
  await eventually('the second', () => api.requests > asked);
});

test('leaving does not wait for a kits table that answers nobody', { timeout: 20_000 }, async (t) => {
  const { store, decoder, batcher, log } = await setUp(t);
  const { url } = await serve(t, still());
  await put(store, url);
  for (const hangs of ['list', 'answered', 'lease'] as const) {
    let asked = 0;
    const hang = () => {
      asked += 1;
      return new Promise<never>(() => {});
    };
    const kits = new Proxy(store.kits, {
      get: (all, name) => (name === hangs ? hang : Reflect.get(all, name).bind(all)),
    });
    const pollers = new Pollers({ kits, serverId: hangs, topics: DEFAULT_TOPICS, decoder, batcher, log });
    pollers.start();
    await eventually(`${hangs} is asked`, () => asked > 0);
    const startedMs = performance.now();
    await pollers.stop();
    const tookMs = performance.now() - startedMs;
    ok(tookMs < 4_000, `${hangs}: ${tookMs} ms, of the 8 s that a whole server has`);
    await store.kits.lease([KIT], hangs, 1, 1); // what the hanging ones still hold
  }
});

test("the shipped times are the guide's, and within the kit's budget of 100 requests a minute", async (t) => {
  const { store, batcher, log, decoder } = await setUp(t);
  await put(store, 'http://kit');
  const asked = { drones: 0, signals: 0, status: 0 };
  const answer = async (what: keyof typeof asked) => {
    asked[what] += 1;
    return what === 'status' ? null : [];
  };
  const source = {
    drones: () => answer('drones') as Promise<JsonObject[]>,
    signals: () => answer('signals') as Promise<JsonObject[]>,
    status: () => answer('status') as Promise<null>,
  };
  const answers = new Answers({ kitId: KIT, apiUrl: 'http://kit', topics: DEFAULT_TOPICS, decoder });
  const times = { ...TIMES, pollMs: 5 };
  const poller = new KitPoller({ kitId: KIT, source, answers, batcher, kits: store.kits, times, log });
  await eventually('some turns', () => asked.signals >= 6);
  await poller.stop();
  deepEqual(asked, { drones: asked.signals, signals: asked.signals, status: 1 }, 'each once a turn, the status apart');
  deepEqual([TIMES.pollMs, TIMES.statusMs], [5_000, 30_000]);
  equal((2 * 60_000) / TIMES.pollMs + 60_000 / TIMES.statusMs, 26);
});

test('429 is waited out, and nothing is asked meanwhile', async (t) => {
  const { store, poll, kit, log } = await setUp(t);
  const { api, url } = await serve(t, still());
  await put(store, url);
  poll();
  // The client keeps to 90 a minute by itself.
  await eventually('the budget', () => log.texts.some((text) => /request budget is used up/.test(text)));
  const asked = api.requests;
  await new Promise((resolve) => setTimeout(resolve, 200));
  equal(api.requests, asked);
  ok(asked <= 90 && api.refused === 0);
  equal((await kit())?.status, 'online');
});

test('with nothing committed yet the next poll is left out', async (t) => {
  const { store, decoder, log } = await setUp(t);
  const { api, url } = await serve(t, createWorld({ nowS: () => Date.now() / 1_000 }));
  await put(store, url);
  const added: (() => void)[] = [];
  const batcher = { add: ({ ack }: { ack: () => void }) => void added.push(ack) };
  const times = { pollMs: 10, statusMs: 20, awayMs: 20 };
  const pollers = new Pollers({
    kits: store.kits,
    serverId: 'x',
    topics: DEFAULT_TOPICS,
    decoder,
    batcher,
    log,
    times,
  });
  pollers.start();
  await eventually('the first', () => added.length === 1);
  const asked = api.requests;
  await new Promise((resolve) => setTimeout(resolve, 150));
  deepEqual([added.length, api.requests], [1, asked]);
  added[0]?.();
  await eventually('the next', () => added.length === 2);
  await pollers.stop();
});

test('a recorded API ends in the same natural keys and columns as its messages do', () => {
  const decoder = new Decoder(DEFAULT_TOPICS);
  const kitId = String(recordedAnswers('main', '/status')[0]?.['uid']);
  const answers = new Answers({ kitId, apiUrl: 'http://kit', topics: DEFAULT_TOPICS, decoder });
  let compared = 0;
  for (const body of recordedAnswers('main', '/signals')) {
    const entries = body['signals'] as JsonObject[];
    const [last] = entries;
    if (last === undefined) continue;
    const receivedUs = Number(last['observed_at']) * 1e6 + 1;
    const batch = answers.take(
      entries.map((entry) => ({ kind: 'signal' as const, entry })),
      receivedUs,
    );
    deepEqual(batch.rejects, []);
    for (const { keyUs, thing, columns, identity } of batch.observations) {
      const entry = entries.find((one) => one['uid'] === thing) ?? {};
      const payload = Buffer.from(JSON.stringify({ ...toMessage('signal', entry), seen_by: kitId }));
      const [sent] = decoder.decode({ topic: DEFAULT_TOPICS.signals, payload, receivedUs }).observations;
      deepEqual([keyUs, columns, identity], [sent?.keyUs, sent?.columns, null]);
      compared += 1;
    }
  }
  ok(compared >= 5, `${compared}`);
});

test('an entry that is no detection, or claims a place in a ledger, does no harm', () => {
  const decoder = new Decoder(DEFAULT_TOPICS);
  const answers = new Answers({ kitId: KIT, apiUrl: 'http://kit', topics: DEFAULT_TOPICS, decoder });
  const nowUs = Date.now() * 1_000;
  const entry = still().drones()[0] as JsonObject;
  const sink = { v: 1, epoch: '00000001abcdef01', seq: 7 };
  const shown = [{ ...entry, sink }, { last_update_time: 1 }, { last_update_time: 2 }].map((one) => ({
    kind: 'drone' as const,
    entry: one,
  }));
  const batch = answers.take(shown, nowUs);
  deepEqual(
    batch.observations.map(({ identity, polled }) => [identity, polled]),
    [[null, true]],
  );
  equal(batch.rejects.length, 1);
  match(batch.rejects[0]?.topic ?? '', /^http:\/\/kit\/drones$/);
});
