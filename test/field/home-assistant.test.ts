// Home Assistant's discovery on a real mosquitto: kits as their users run them, and what Home Assistant would make of it.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { connectAsync, type MqttClient } from 'mqtt';
import { openLink } from '../../src/base/mqtt-link.js';
import { classOf } from '../../src/kit/classes.js';
import { Discovery } from '../../src/kit/home-assistant/discovery.js';
import { DRONE_ENTITIES, KIT_ENTITIES } from '../../src/kit/home-assistant/entities.js';
import { DEFAULT_TOPICS, serviceTopic } from '../../src/schema/topics.js';
import { kitAcl } from '../../src/server/enrol/acl.js';
import { Heard } from '../fixtures/heard.js';
import { MemoryLog } from '../fixtures/memory-log.js';
import { type Broker, startMosquitto } from '../fixtures/mosquitto.js';
import { eventually, kitFiles, runDragonsink } from '../fixtures/processes.js';
import { recordedHistory } from '../fixtures/recordings.js';
import { tempFolder } from '../fixtures/temp-folder.js';

const ENABLED = ['mqtt_per_drone_enabled = true', 'mqtt_ha_enabled = true'];
const ID = 'drone-1581F4XF';
const ANCHOR = `homeassistant/sensor/wardragon_drone_${ID}_main/config`;
const PLACE = `homeassistant/device_tracker/wardragon_drone_${ID}/config`;

/** What Home Assistant hears, and what the broker keeps for it. */
class HomeAssistant {
  readonly heard: { topic: string; payload: string; retain: boolean }[] = [];

  private constructor(private readonly client: MqttClient) {}

  static async on(t: TestContext, { port }: Broker, user: object = {}): Promise<HomeAssistant> {
    const client = await connectAsync(`mqtt://127.0.0.1:${port}`, { protocolVersion: 5, ...user });
    const home = new HomeAssistant(client);
    client.on('message', (topic, payload, { retain }) =>
      home.heard.push({ topic, payload: payload.toString(), retain }),
    );
    await client.subscribeAsync(['homeassistant/+/+/config', 'wardragon/#'], { qos: 0 });
    t.after(() => void client.end(true));
    return home;
  }

  async begin(): Promise<void> {
    await this.client.publishAsync('homeassistant/status', 'online', { qos: 0 });
  }

  last(topic: string): string | undefined {
    return this.heard.findLast((one) => one.topic === topic)?.payload;
  }

  configs(part: string): string[] {
    const topics = this.heard.filter(
      ({ topic, payload }) => topic.startsWith('homeassistant/') && topic.includes(part) && payload !== '',
    );
    return [...new Set(topics.map(({ topic }) => topic))].sort();
  }
}

/** The retained topics that hold `part`. */
async function kept(t: TestContext, broker: Broker, part: string): Promise<string[]> {
  const home = await HomeAssistant.on(t, broker);
  await sleep(300);
  return home.heard.filter(({ topic, retain }) => retain && topic.includes(part)).map(({ topic }) => topic).sort(); // biome-ignore format: one thought
}

describe('Home Assistant', { timeout: 120_000 }, () => {
  test('is told of the kit and its drones, again after its own restart and after the broker’s', async (t) => {
    const heard = new Heard();
    const api = await heard.start();
    t.after(() => heard.stop());
    const broker = await startMosquitto({}, t);
    const files = await kitFiles(tempFolder(t), api, broker.port, { mqtt: ENABLED });
    const home = await HomeAssistant.on(t, broker);
    heard.hear(ID);
    const kit = runDragonsink(t, ['kit', '--config', files.configFile]);
    await eventually('the kit itself', () => home.configs('_system').length >= 5);
    assert.deepEqual(home.configs(ID), [], 'heard once');
    heard.hear(ID);
    await eventually(
      'the drone',
      () => home.configs(ID).length >= 15 && home.last(`wardragon/drone/${ID}`) !== undefined,
    );
    assert.ok(
      !home.configs('').some((topic) => /pluto|zynq|_system_temp|_op_id|_transport/.test(topic)),
      'never known',
    );
    assert.equal(home.last(`wardragon/drone/${ID}/availability`), 'online');

    const before = home.configs('');
    home.heard.length = 0;
    await home.begin();
    await eventually('all of it once more', () => home.configs('').length === before.length);
    assert.ok(home.last(`wardragon/drone/${ID}`), 'and the values');

    await broker.restart(); // and it has kept nothing
    const again = await HomeAssistant.on(t, broker);
    await eventually('all of it on the new broker', () => again.configs('').length === before.length);
    assert.equal(await kit.end('SIGTERM'), 0, kit.log());
    await eventually('the one last will', () => again.last(serviceTopic('wardragon-LAB0001')) === 'offline');
  });

  test('is told by an enrolled kit too, once the shipped access rules for it are let in', async (t) => {
    const kitId = 'wardragon-LAB0001';
    const heard = new Heard();
    const api = await heard.start();
    t.after(() => heard.stop());
    const users = { [kitId]: 'of-the-kit', home: 'of-home' };
    const acl = `${kitAcl().replaceAll('#pattern', 'pattern')}\nuser home\ntopic readwrite #\n`;
    const broker = await startMosquitto({ users, acl }, t);
    const mqtt = [...ENABLED, `mqtt_username = ${kitId}`, 'mqtt_password = of-the-kit'];
    const files = await kitFiles(tempFolder(t), api, broker.port, { mqtt });
    const home = await HomeAssistant.on(t, broker, { username: 'home', password: 'of-home' });
    heard.hear(ID);
    const kit = runDragonsink(t, ['kit', '--config', files.configFile]);
    await eventually('the kit itself', () => home.configs('_system').length >= 5);
    heard.hear(ID);
    await eventually('the drone', () => home.configs(ID).length >= 15);
    home.heard.length = 0;
    await home.begin();
    await eventually('all of it once more', () => home.configs(ID).length >= 15);
    assert.equal(await kit.end('SIGTERM'), 0);
    assert.doesNotMatch(kit.log(), /not allowed|not authori/i);
  });

  test('sees two kits announce one drone, one take over from the other, and both take it back', async (t) => {
    const broker = await startMosquitto({}, t);
    const home = await HomeAssistant.on(t, broker);
    const [a, b] = [await Kit.on(t, broker, 'kit-A'), await Kit.on(t, broker, 'kit-B')];
    const announcer = (): string => /service\/(kit-.)\//.exec(home.last(ANCHOR) ?? '')?.[1] ?? '';
    b.hear(ID);
    await eventually('B', () => announcer() === 'kit-B');
    a.hear(ID);
    await eventually('A', () => announcer() === 'kit-A');
    await sleep(300);
    const { length } = home.heard;
    for (let i = 0; i < 5; i += 1) for (const kit of [a, b]) kit.hear(ID);
    await sleep(500);
    assert.equal(home.heard.length, length, 'and stop at that');
    await a.die();
    await eventually('B again', () => announcer() === 'kit-B' && /service\/kit-B/.test(home.last(PLACE) ?? ''));
    await b.pass(61_000);
    await eventually('off the map', () => home.last(`wardragon/drone/${ID}/availability`) === 'offline');
    await b.pass(25 * 3_600_000);
    await eventually('gone', () => home.last(ANCHOR) === '' && home.last(PLACE) === '');
    assert.deepEqual(await kept(t, broker, ID), []);
  });

  test('reads with its own template language what was announced', () => {
    const messages = recordedHistory('main');
    const of = (kind: string, ...more: object[]) => [
      ...messages.filter((one) => one.kind === kind).map(({ message }) => message),
      ...more,
    ];
    const sink = { v: 1, epoch: '0000000100000001', seq: 1 };
    const drones = of(
      'drone',
      { id: 'x' },
      { id: 'x', lat: 0, lon: 0, latitude: 0, longitude: 0, description: 'y'.repeat(400) },
    );
    const kits = of('system').map((one) => ({ ...one, sink }));
    const templates = [
      ...DRONE_ENTITIES.map(({ config, component, suffix }) => ({ ...config, component, suffix, messages: drones })),
      ...KIT_ENTITIES.map(({ config, component, suffix }) => ({ ...config, component, suffix, messages: kits })),
      ...KIT_ENTITIES.map(({ config, component, suffix }) => {
        return {
          ...config,
          component,
          suffix,
          messages: kits.map((one) => ({ ...one, sink: { ...sink, replay: true } })),
          replay: true,
        };
      }),
    ];
    const { status, stdout, stderr } = spawnSync('/usr/bin/python3', ['-c', RENDER], {
      input: JSON.stringify(templates),
      encoding: 'utf8',
    });
    assert.equal(status, 0, stderr);
    assert.equal(stdout.trim(), `${templates.length} templates`);
  });
});

/** As Home Assistant renders them: in Jinja's sandbox, and a tracker's attributes must be a JSON object. */
const RENDER = `
import json, sys
from jinja2.sandbox import ImmutableSandboxedEnvironment
env = ImmutableSandboxedEnvironment()
templates = json.load(sys.stdin)
for one in templates:
    rendered = set()
    for message in one['messages']:
        text = env.from_string(one.get('value_template') or one['json_attributes_template']).render(value_json=message)
        rendered.add(text)
        assert len(text) <= 255 or one['component'] == 'device_tracker', text
        if one['component'] == 'device_tracker':
            attributes = json.loads(text)
            assert isinstance(attributes, dict), text
            assert attributes.get('latitude', 1) or attributes.get('longitude', 1), text
            assert 'gps_accuracy' not in attributes and 'sink' not in attributes, text
            if one.get('replay'): assert attributes == {}, text
        elif one.get('replay'): assert text == '', text
        elif 'unit_of_measurement' in one and text not in ('', 'None'): float(text)
    assert rendered, one
print(len(templates), 'templates')
`;

/** The part of a kit that announces, on a clock of the test's own. */
class Kit {
  private constructor(
    private readonly discovery: Discovery,
    private readonly advance: (ms: number) => void,
    readonly die: () => Promise<void>,
  ) {}

  static async on(t: TestContext, { port }: Broker, kitId: string): Promise<Kit> {
    const notes = new Map<string, string>();
    let nowMs = 1_000_000;
    const discovery = new Discovery({
      names: { prefix: 'homeassistant', deviceBase: 'wardragon_drone' },
      topics: DEFAULT_TOPICS,
      expireMs: 24 * 3_600_000,
      announcesKit: true,
      kitId,
      spool: { note: (name) => notes.get(name) ?? null, setNote: (name, text) => void notes.set(name, text) },
      onBirth: () => {},
      onTakenBack: () => {},
      log: new MemoryLog(),
      now: () => nowMs,
    });
    const will = { topic: serviceTopic(kitId), payload: 'offline', qos: 1, retain: true } as const;
    const client = { host: '127.0.0.1', port, version: 5, clientId: kitId, keepaliveS: 30, clean: true } as const;
    const link = await openLink({ ...client, will });
    link.onMessage((message) => {
      message.ack();
      discovery.heard(message);
    });
    await link.publish({ ...will, payload: 'online' });
    await discovery.begin(link);
    t.after(async () => {
      await discovery.end();
      await link.end(200);
    });
    // Another client with its name: the broker closes this one, and says its will.
    const die = async (): Promise<void> => {
      const other = await openLink(client);
      await link.closed;
      await other.end(200);
    };
    return new Kit(discovery, (ms) => { nowMs += ms; }, die); // biome-ignore format: short
  }

  hear(id: string): void {
    const body = JSON.stringify({ id, lat: 42.3, lon: -71, latitude: 42.3, longitude: -71, rssi: -60 });
    const row = { id: 1, class: classOf('drone'), epoch: '', seq: 1, body, acceptedAtMs: 0 };
    this.discovery.accepted({ kind: 'drone', thing: id, row, isFirst: false });
  }

  async pass(ms: number): Promise<void> {
    this.advance(ms);
    this.discovery.tick();
    await sleep(100);
  }
}
