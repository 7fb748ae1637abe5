// One client that sends all it can, and beside it a kit with a few messages: the kit must not notice. A real mosquitto
// and a real database behind a commit that is made slow, so that the flood is certainly more than it takes.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { connectAsync, type MqttClient } from 'mqtt';
import { DEFAULT_TOPICS } from '../../src/schema/topics.js';
import { Batcher } from '../../src/server/batcher.js';
import { Decoder } from '../../src/server/decode.js';
import { SILENT } from '../../src/server/recorder.js';
import { openStore } from '../../src/server/stores/open-store.js';
import { Subscriber } from '../../src/server/subscriber.js';
import { MemoryLog } from '../fixtures/memory-log.js';
import { startMosquitto } from '../fixtures/mosquitto.js';
import { eventually } from '../fixtures/processes.js';
import { tempFolder } from '../fixtures/temp-folder.js';

const FLOODER = 'wardragon-flood';
const KIT = 'wardragon-A';
const FLOOD = 20_000;
/** Of the kit, at 5 a second. */
const MESSAGES = 30;
const EVERY_MS = 200;
/** With 500 rows a commit at most about 2,500 rows a second. */
const COMMIT_MS = 200;
/** Two commits, and what a busy machine adds; behind the flood it would be 8 s. */
const MAX_P99_MS = 2_000;

async function client(t: TestContext, url: string): Promise<MqttClient> {
  const opened = await connectAsync(url, { protocolVersion: 5 }, false);
  t.after(() => {
    opened.end(true);
  });
  return opened;
}

test('a kit that sends thousands a second costs another neither messages nor time', { timeout: 60_000 }, async (t) => {
  // As the README says; with less in flight there is no telling who holds up whom.
  const broker = await startMosquitto({ config: ['max_inflight_messages 0', 'max_queued_messages 100000'] }, t);
  const store = await openStore(`sqlite:${join(tempFolder(t), 'server.db')}`);
  t.after(() => store.close());
  const sentMs = new Map<number, number>();
  const tookMs: number[] = [];
  const log = new MemoryLog();
  const batcher = new Batcher({
    store: {
      commit: async (batch) => {
        await sleep(COMMIT_MS);
        return store.commit(batch);
      },
    },
    onCommitted: ({ observations }) => {
      for (const { kitId, identity } of observations) {
        const at = kitId === KIT ? sentMs.get(identity?.seq ?? 0) : undefined;
        if (at !== undefined) tookMs.push(performance.now() - at);
      }
    },
    onStore: () => {},
    log,
    recorder: {
      ...SILENT,
      overQuota: ({ observations }) => {
        for (const { kitId } of observations) over.set(kitId, (over.get(kitId) ?? 0) + 1);
      },
    },
  });
  const over = new Map<string, number>();
  const subscriber = new Subscriber({
    broker: { host: '127.0.0.1', port: broker.port, version: 5, keepaliveS: 30 },
    serverId: 'test',
    storeId: store.storeId,
    topics: DEFAULT_TOPICS,
    shareGroup: null,
    decoder: new Decoder(DEFAULT_TOPICS),
    batcher,
    acknowledger: { stop: () => {} },
    log,
  });
  const kit = await client(t, broker.url);
  await kit.subscribeAsync('wardragon/ingest/+/hello', { qos: 1 });
  const hello = new Promise((resolve) => kit.once('message', resolve));
  subscriber.start();
  t.after(() => subscriber.stop());
  await hello;

  const flooder = await client(t, broker.url);
  const message = (kitId: string, seq: number): string => {
    const sink = { v: 1, epoch: '00000001abcdef01', seq };
    return JSON.stringify({ id: `drone-${seq}`, seen_by: kitId, observed_at: Date.now() / 1_000, sink });
  };
  let published = 0;
  const flood = (async () => {
    // In bursts, so that this process can do its other work too.
    while (published < FLOOD) {
      for (let i = 0; i < 200; i += 1) flooder.publish('wardragon/drones', message(FLOODER, ++published), { qos: 1 });
      await sleep(25);
    }
  })();
  for (let seq = 1; seq <= MESSAGES; seq += 1) {
    sentMs.set(seq, performance.now());
    kit.publish('wardragon/drones', message(KIT, seq), { qos: 1 });
    await sleep(EVERY_MS);
  }
  await flood;
  await eventually("all of the kit's", () => tookMs.length === MESSAGES);
  const worst = [...tookMs].sort((a, b) => a - b).at(-1) ?? 0;
  assert.ok(worst < MAX_P99_MS, `the slowest took ${Math.round(worst)} ms`);
  await eventually('the rest of the flood', () => batcher.waitingCount === 0);
  const dropped = over.get(FLOODER) ?? 0;
  assert.ok(dropped > 1_000, `the flood was more than its quota: ${dropped} were dropped`);
  assert.deepEqual([...over.keys()], [FLOODER], 'and nobody else was');
  // What was dropped is not received: the kit would send it again.
  const received = async (kitId: string): Promise<number> => {
    const [entry] = await store.ledger(kitId);
    return (entry?.received ?? []).reduce((sum, [first, last]) => sum + last - first + 1, 0);
  };
  await eventually('the last commit', async () => (await received(FLOODER)) === published - dropped);
  assert.equal(await received(KIT), MESSAGES);
  assert.ok(log.texts.some((line) => /beyond its quota is not stored/.test(line)));
});
