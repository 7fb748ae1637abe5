// What a member of a share subscribes to, on a real mosquitto: what it reads for itself, and how it leaves the share and
// comes back with its database.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { connectAsync, type MqttClient } from 'mqtt';
import { DEFAULT_TOPICS } from '../../src/schema/topics.js';
import { Batcher } from '../../src/server/batcher.js';
import { Decoder } from '../../src/server/decode.js';
import type { Batch } from '../../src/server/store.js';
import { Subscriber } from '../../src/server/subscriber.js';
import { MemoryLog } from '../fixtures/memory-log.js';
import { startMosquitto } from '../fixtures/mosquitto.js';
import { eventually } from '../fixtures/processes.js';
import { connack, PACKET, packet, type ReceivedPacket, ScriptedBroker } from '../fixtures/scripted-broker.js';

const KIT = 'wardragon-A';
const NOTHING = { observations: [], rejects: [], contacts: [], reports: [] };

interface Member {
  readonly subscriber: Subscriber;
  readonly log: MemoryLog;
  /** The ids of drones, `online`, and `status N`, in the order in which they came. */
  readonly got: string[];
}

/** A server whose database is a list. */
function join(t: TestContext, port: number, serverId: string): Member {
  const got: string[] = [];
  const log = new MemoryLog();
  class Noted extends Batcher {
    override add({ batch, ack }: Parameters<Batcher['add']>[0]): undefined {
      got.push(...wordsOf({ ...NOTHING, ...batch }));
      ack();
    }
  }
  const commit = (): never => assert.fail('nothing is to be committed');
  const subscriber = new Subscriber({
    broker: { host: '127.0.0.1', port, version: 5, keepaliveS: 30 },
    serverId,
    storeId: 'store',
    topics: DEFAULT_TOPICS,
    shareGroup: 'all',
    decoder: new Decoder(DEFAULT_TOPICS),
    batcher: new Noted({ store: { commit }, onStore: () => {}, log }),
    acknowledger: { stop: () => {} },
    log,
  });
  subscriber.start();
  t.after(() => subscriber.stop());
  return { subscriber, log, got };
}

function wordsOf({ observations, contacts, reports }: Batch): string[] {
  if (observations.length > 0) return observations.map(({ thing }) => thing);
  return [...contacts.map(({ online }) => (online ? 'online' : 'offline')), ...reports.map(({ n }) => `status ${n}`)];
}

const status = (n: number) => ({
  v: 1,
  kit_id: KIT,
  version: '1',
  time: '',
  clock_offset_s: 0,
  opening: 'o',
  n,
  ledger: [],
  spool: { waiting: 0, handed_over: 0, bytes: 0, oldest_at: null },
  counts: { accepted: 0, delivered: 0, resent: 0, refused: 0, evicted: {}, evicted_handed_over: {} },
  link: { connected: true, reconnects: 0 },
  source: { state: 'ok' },
});

test('retained topics are read outside the share; a member leaves it with its database, and comes back', async (t) => {
  const broker = await startMosquitto({ config: ['log_type all'] }, t);
  const client: MqttClient = await connectAsync(broker.url, { protocolVersion: 5 }, false);
  t.after(() => {
    client.end(true);
  });
  const retain = (topic: string, payload: string) => client.publishAsync(topic, payload, { qos: 1, retain: true });
  const drones = async (prefix: string): Promise<void> => {
    for (let i = 0; i < 20; i += 1) {
      const message = { id: `${prefix}-${i}`, seen_by: KIT, observed_at: Date.now() / 1_000 };
      await client.publishAsync('wardragon/drones', JSON.stringify(message), { qos: 1 });
    }
  };
  const of = ({ got }: Member, prefix: string) => got.filter((one) => one.startsWith(`${prefix}-`)).length;
  const logged = (line: RegExp) => broker.log().match(line)?.length ?? 0;
  const joins = (name: string) => logged(new RegExp(`dragonsink-${name} 1 \\$share/all/wardragon/drones$`, 'gm'));

  await retain(`wardragon/sink/${KIT}/status`, JSON.stringify(status(1)));
  await retain(`wardragon/service/${KIT}/availability`, 'online');
  const [a, b] = [join(t, broker.port, 'a'), join(t, broker.port, 'b')];
  await eventually('both in the share', () => joins('a') === 1 && joins('b') === 1);
  await eventually('what was retained, at each', () => [a, b].every(({ got }) => got.length === 2));
  for (const { got } of [a, b]) assert.deepEqual([...got].sort(), ['online', 'status 1']);
  await drones('both');
  await eventually('each message at one of them', () => of(a, 'both') + of(b, 'both') === 20);
  assert.ok(of(a, 'both') > 0 && of(b, 'both') > 0, 'each has its part');

  a.subscriber.setStore('down');
  await eventually('one has left', () => logged(/Received UNSUBSCRIBE from dragonsink-a/g) === 1);
  await drones('alone');
  await retain(`wardragon/sink/${KIT}/status`, JSON.stringify(status(2)));
  await eventually('all of it at the other', () => of(b, 'alone') === 20);
  await eventually('the states at both', () => [a, b].every(({ got }) => got.includes('status 2')));
  assert.equal(of(a, 'alone'), 0);

  a.subscriber.setStore('ok');
  await eventually('it is back', () => joins('a') === 2);
  await drones('again');
  await eventually('each message at one of them', () => of(a, 'again') + of(b, 'again') === 20);
  assert.ok(of(a, 'again') > 0 && of(b, 'again') > 0, 'each has its part again');
});

const QUOTA_EXCEEDED = 0x97; // [MQTT5-3.9.3]

test('a member that may not come back lets the connection go, and comes back on the next', {
  timeout: 30_000,
}, async (t) => {
  let refusals = 0;
  const isShare = ({ body }: ReceivedPacket): boolean => body.includes('$share/');
  const broker = await ScriptedBroker.start(t, (received) => {
    const { type, flags, body } = received;
    if (type === PACKET.connect) return connack();
    const [high = 0, low = 0] = body;
    if (type === PACKET.subscribe) {
      const refused = isShare(received) && refusals > 0;
      if (refused) refusals -= 1;
      return packet(9, 0, high, low, 0, ...Array<number>(filtersIn(body)).fill(refused ? QUOTA_EXCEEDED : 1));
    }
    if (type === 10) return packet(11, 0, high, low, 0, ...Array<number>(namesIn(body)).fill(0));
    if (type === PACKET.publish && (flags & 6) === 2) {
      const at = 2 + body.readUInt16BE(0);
      return packet(PACKET.puback, 0, body[at] ?? 0, body[at + 1] ?? 0);
    }
    return null;
  });
  const { subscriber, log } = join(t, broker.port, 'a');
  const joined = () => broker.of(PACKET.subscribe).filter(isShare).length;
  const hellos = () => broker.of(PACKET.publish).length;
  await eventually('the hello of a member', () => joined() === 1 && hellos() === 1);
  subscriber.setStore('down');
  await eventually('that its database is away', () => hellos() === 2);
  refusals = 1;
  subscriber.setStore('ok');
  await eventually('a member again', () => joined() === 3 && hellos() === 3);
  assert.equal(broker.of(PACKET.connect).length, 2, 'on a new connection');
  assert.equal(log.texts.filter((text) => /connecting anew/.test(text)).length, 1);
});

/** Of a SUBSCRIBE without properties: each a name with its length, and a byte of options. */
function filtersIn(body: Buffer): number {
  let n = 0;
  for (let at = 3; at < body.length; at += 3 + body.readUInt16BE(at)) n += 1;
  return n;
}

/** Of an UNSUBSCRIBE without properties. */
function namesIn(body: Buffer): number {
  let n = 0;
  for (let at = 3; at < body.length; at += 2 + body.readUInt16BE(at)) n += 1;
  return n;
}
