// What the doctor sees over a connection: a real mosquitto with its access rules and limits.
import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { type LinkOptions, type MqttLink, openLink } from '../../../../src/base/mqtt-link.js';
import { Answers } from '../../../../src/kit/doctor/answers.js';
import {
  checkHearing,
  checkLimits,
  checkPublishing,
  checkRoundTrip,
  type LinkUse,
  type Server,
} from '../../../../src/kit/doctor/link-checks.js';
import type { Ack } from '../../../../src/schema/ack.js';
import { KINDS, perKind } from '../../../../src/schema/kinds.js';
import { DEFAULT_TOPICS } from '../../../../src/schema/topics.js';
import { assertCheck } from '../../../fixtures/assert-check.js';
import { Listener } from '../../../fixtures/listener.js';
import { type BrokerOptions, startMosquitto } from '../../../fixtures/mosquitto.js';
import { eventually } from '../../../fixtures/processes.js';

const KIT = 'wardragon-LAB0001';
const USE: LinkUse = {
  version: 5,
  kitId: KIT,
  topics: DEFAULT_TOPICS,
  kinds: new Set(KINDS),
  qos: perKind(() => 1 as const),
  wires: { wire: 'topics', replay: 'auto', frameMs: 250 },
  perDrone: true,
  homeAssistant: null,
  listens: true,
};

async function linkTo(
  t: TestContext,
  broker: BrokerOptions = {},
  options: Partial<LinkOptions> = {},
): Promise<MqttLink> {
  const { port } = await startMosquitto(broker, t);
  const base = { host: '127.0.0.1', port, version: 5, clientId: KIT, keepaliveS: 30, clean: true } as const;
  const link = await openLink({ ...base, ...options });
  t.after(() => link.end(200));
  return link;
}

const KIT_USER = { users: { kit: 'secret' } };
const AS_KIT = { username: 'kit', password: 'secret' };

describe('permission to publish', () => {
  test('is tried on every topic, with a message that says nothing and is not kept', async (t) => {
    const broker = await startMosquitto({}, t);
    const listener = await Listener.on(broker.port);
    t.after(() => listener.stop());
    const link = await openLink({
      host: '127.0.0.1',
      port: broker.port,
      version: 5,
      clientId: KIT,
      keepaliveS: 30,
      clean: true,
    });
    t.after(() => link.end(200));
    assertCheck(await checkPublishing(link, USE), 'ok', /all 9 topics/);
    const topics = [
      'wardragon/drones',
      'wardragon/aircraft',
      'wardragon/signals',
      `wardragon/system/${KIT}/attrs`,
      'wardragon/drone/dragonsink-doctor',
      `wardragon/system/${KIT}/state`,
      `wardragon/system/${KIT}/availability`,
      `wardragon/service/${KIT}/availability`,
      `wardragon/sink/${KIT}/status`,
    ];
    await eventually('the last', () => listener.on(topics.at(-1) ?? '').length === 1);
    for (const topic of topics) {
      const heard = listener.on(topic);
      assert.deepEqual(heard.map(({ payload, retain }) => [payload, retain]), [['', false]], topic); // biome-ignore format: short
    }
    const homeAssistant = { prefix: 'homeassistant', deviceBase: 'wardragon_drone' };
    assertCheck(await checkPublishing(link, { ...USE, homeAssistant }), 'ok', /all 12 topics/);
  });

  test('that is missing on some topics fails, with their names', async (t) => {
    const acl = [
      'user kit',
      'topic write wardragon/sink/#',
      'topic write wardragon/system/#',
      'topic write wardragon/drones',
    ];
    const link = await linkTo(t, { ...KIT_USER, acl: `${acl.join('\n')}\n` }, AS_KIT);
    const denied =
      /^not allowed on wardragon\/aircraft, wardragon\/signals, wardragon\/drone\/dragonsink-doctor, wardragon\/service/;
    assertCheck(await checkPublishing(link, USE), 'fail', denied, /write to them in the broker's ACL/);
  });

  test('on the shared topics is not asked of a kit that sends frames', async (t) => {
    const acl = ['user kit', ...['sink', 'system', 'service'].map((one) => `topic write wardragon/${one}/#`)];
    const link = await linkTo(t, { ...KIT_USER, acl: `${acl.join('\n')}\n` }, AS_KIT);
    const use: LinkUse = { ...USE, perDrone: false, wires: { ...USE.wires, wire: 'stream' } };
    assertCheck(await checkPublishing(link, use), 'ok', /all 5 topics/);
    assertCheck(await checkPublishing(link, { ...use, wires: USE.wires }), 'fail', /drones/);
  });

  test('for frames is a warning where the topics do instead, and needed where they do not', async (t) => {
    const acl = ['user kit', 'topic write wardragon/#', `topic deny wardragon/sink/${KIT}/stream`];
    const link = await linkTo(t, { ...KIT_USER, acl: `${acl.join('\n')}\n` }, AS_KIT);
    const replaying = (replay: LinkUse['wires']['replay']): LinkUse => ({ ...USE, wires: { ...USE.wires, replay } });
    assertCheck(await checkPublishing(link, USE), 'warn', /not on .*\/stream: the backlog/, /mqtt_replay = topics/);
    assertCheck(await checkPublishing(link, replaying('topics')), 'ok', /all 9/);
    assertCheck(await checkPublishing(link, replaying('frames')), 'fail', /not allowed on .*\/stream/);
    assertCheck(await checkPublishing(link, { ...USE, listens: false }), 'ok', /all 9/);
  });

  test('is unknown over MQTT 3.1.1, whose broker confirms what it throws away', async (t) => {
    const link = await linkTo(t, { ...KIT_USER, acl: 'user kit\n' }, { ...AS_KIT, version: 4 });
    assertCheck(await checkPublishing(link, { ...USE, version: 4 }), 'warn', /3\.1\.1/, /mqtt_version = 5/);
    assertCheck(checkLimits(link, { ...USE, version: 4 }), 'ok', /does not tell/);
  });

  test('on a connection that ends meanwhile fails', async (t) => {
    const link = await linkTo(t);
    await link.end();
    assertCheck(await checkPublishing(link, USE), 'fail', /unknown whether/);
  });
});

describe('the limits of the broker', () => {
  const limits = async (t: TestContext, config: string[], use: LinkUse = USE) =>
    checkLimits(await linkTo(t, { config }), use);

  test('are well by default', async (t) => {
    assertCheck(
      await limits(t, []),
      'ok',
      /packets up to \d+ bytes, 20 unconfirmed, QoS up to 2, retained messages kept/,
    );
  });

  test('may be too low for a large message, or for a long way', async (t) => {
    assertCheck(await limits(t, ['max_packet_size 5000']), 'warn', /up to 5000 bytes.*set aside/, /max_packet_size/);
    assertCheck(await limits(t, ['max_inflight_messages 2']), 'warn', /2 unconfirmed.*slow/, /max_inflight_messages/);
  });

  test('fail without retained messages, and with a QoS below what is needed', async (t) => {
    assertCheck(await limits(t, ['retain_available false']), 'fail', /not kept/, /retain_available true/);
    assertCheck(await limits(t, ['max_qos 0']), 'fail', /QoS 1 is needed/, /max_qos to 1$/);
    const use = { ...USE, qos: { ...USE.qos, drone: 2 as const } };
    assertCheck(await limits(t, ['max_qos 1'], use), 'fail', /QoS 2 is needed/, /mqtt_qos = 1/);
    assertCheck(await limits(t, ['max_qos 1']), 'ok', /QoS up to 1/);
  });
});

describe('a broker that does not take the will', () => {
  for (const [line, hint] of [
    ['retain_available false', /retain_available true/],
    ['max_qos 0', /max_qos to 1/],
  ] as const) {
    test(`says so: ${line}`, async (t) => {
      const will = { topic: 'a', payload: 'offline', qos: 1, retain: true } as const;
      const wanted = { code: 'limits', hint, retryable: true };
      await assert.rejects(linkTo(t, { config: [line] }, { will }), wanted);
    });
  }
});

describe('hearing the servers', () => {
  test('is a subscription, unless the broker alone delivers', async (t) => {
    const link = await linkTo(t);
    assertCheck(await checkHearing(link, USE), 'ok', /wardragon\/sink\/wardragon-LAB0001\/ack and wardragon\/ingest/);
    await link.end();
    assertCheck(await checkHearing(link, USE), 'fail', /not subscribed/);
    assertCheck(await checkHearing(link, { ...USE, listens: false }), 'ok', /broker/);
  });
});

describe('the round trip', () => {
  const ack = (fields: Partial<Ack> = {}): Ack => ({
    v: 1,
    store_id: 's',
    acks: [],
    time: new Date().toISOString(),
    ...fields,
  });
  const server = (fields: Partial<Server>): Server => ({
    ask: async () => ({ ms: 12.4, ack: ack() }),
    boundTo: null,
    servers: { count: 1 },
    ...fields,
  });

  test('has its time', async () => {
    assertCheck(await checkRoundTrip(server({}), USE), 'ok', /and back in 12 ms$/);
    assertCheck(await checkRoundTrip(server({ boundTo: 's' }), USE), 'ok', /12 ms/);
  });

  test('to another database than ours fails', async () => {
    assertCheck(await checkRoundTrip(server({ boundTo: 'other' }), USE), 'fail', /another database/, /rebind/);
  });

  test('also tells how far the clocks are apart', async () => {
    const time = new Date(Date.now() - 7_200_000).toISOString();
    const check = await checkRoundTrip(server({ ask: async () => ({ ms: 1, ack: ack({ time }) }) }), USE);
    assertCheck(check, 'warn', /720[01] s ahead of the server/, /time server/);
  });

  test('that nobody answers fails: by who may not be heard, or by who is not there', async () => {
    const ask = async () => null;
    const kept = await checkRoundTrip(server({ ask }), USE);
    assertCheck(
      kept,
      'fail',
      /says that it is there/,
      /read wardragon\/sink\/wardragon-LAB0001\/ack in the broker's ACL/,
    );
    const nobody = await checkRoundTrip(server({ ask, servers: { count: 0 } }), USE);
    assertCheck(nobody, 'fail', /no server .* hello/, /start dragonsink server/);
    assertCheck(await checkRoundTrip(server({ ask }), { ...USE, listens: false }), 'ok', /no server is awaited/);
  });

  test('ends with the first answer, and without one in time', async () => {
    const answers = new Answers();
    const answered = answers.next(() => answers.heard(ack({ store_id: 'x' })));
    assert.equal((await answered)?.ack.store_id, 'x');
    assert.equal(await answers.next(() => {}, 20), null);
    answers.heard(ack()); // late, and for nobody
  });
});
