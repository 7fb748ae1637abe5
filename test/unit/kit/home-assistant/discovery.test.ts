// What is announced to Home Assistant when, and what is taken back: one kit and two, on a broker in memory and a clock of
// the test's own.
import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import type { JsonObject } from '../../../../src/base/json.js';
import { classOf } from '../../../../src/kit/classes.js';
import { MAX_DRONES } from '../../../../src/kit/home-assistant/announced.js';
import { Discovery, type DiscoveryOptions } from '../../../../src/kit/home-assistant/discovery.js';
import { DEFAULT_TOPICS, serviceTopic } from '../../../../src/schema/topics.js';
import { MemoryLog } from '../../../fixtures/memory-log.js';
import { RetainingBroker } from '../../../fixtures/retaining-broker.js';

const HOUR_MS = 3_600_000;
const ONE = 'homeassistant/sensor/wardragon_drone_drone-1_main/config';
const PLACE = 'homeassistant/device_tracker/wardragon_drone_drone-1/config';
const PRESENCE = 'wardragon/drone/drone-1/availability';

/** A kit that dies leaves its timer behind, which only the end of a process would take. */
const begun: Discovery[] = [];
after(() => Promise.all(begun.map((discovery) => discovery.end())));

class TestKit {
  readonly log = new MemoryLog();
  readonly takenBack: string[] = [];
  births = 0;
  nowMs = 1_000_000;
  discovery: Discovery;
  private link: ReturnType<RetainingBroker['link']> | null = null;

  constructor(
    readonly broker: RetainingBroker,
    readonly id = 'kit-A',
    private readonly options: Partial<DiscoveryOptions> = {},
    private readonly notes = new Map<string, string>(),
  ) {
    this.discovery = this.begin();
  }

  private begin(): Discovery {
    const discovery = new Discovery({
      names: { prefix: 'homeassistant', deviceBase: 'wardragon_drone' },
      topics: DEFAULT_TOPICS,
      expireMs: 24 * HOUR_MS,
      announcesKit: true,
      kitId: this.id,
      spool: { note: (name) => this.notes.get(name) ?? null, setNote: (name, text) => void this.notes.set(name, text) },
      onBirth: () => {
        this.births += 1;
      },
      onTakenBack: (id) => void this.takenBack.push(id),
      log: this.log,
      now: () => this.nowMs,
      ...this.options,
    });
    begun.push(discovery);
    return discovery;
  }

  async connect(): Promise<this> {
    this.link = this.broker.link((message) => this.discovery.heard(message as never));
    this.broker.publish({ topic: serviceTopic(this.id), payload: 'online', qos: 1, retain: true });
    await this.discovery.begin(this.link);
    await settled();
    return this;
  }

  /** As a crash does it: its will is all that is said. */
  die(): void {
    this.link?.cut();
    this.broker.publish({ topic: serviceTopic(this.id), payload: 'offline', qos: 1, retain: true });
  }

  /** The same kit in a new process. */
  async restart(): Promise<void> {
    this.die();
    this.discovery = this.begin();
    await this.connect();
  }

  async cut(): Promise<void> {
    this.link?.cut();
    await this.discovery.end();
  }

  async hear(id: string, fields: JsonObject = {}, isFirst = false): Promise<void> {
    this.hearOne(id, fields, isFirst);
    await settled();
  }

  /** Each once, one right after the other. */
  async hearMany(count: number, name: string, isFirst = false): Promise<void> {
    for (let i = 0; i < count; i += 1) this.hearOne(`${name}-${i}`, {}, isFirst);
    for (let i = 0; i < 20; i += 1) await settled();
  }

  private hearOne(id: string, fields: JsonObject, isFirst: boolean): void {
    const body = JSON.stringify({ id, lat: 42.3, lon: -71, latitude: 42.3, longitude: -71, ...fields });
    this.accept('drone', id, body, isFirst);
  }

  accept(kind: 'drone' | 'system', thing: string, body: string, isFirst = false): void {
    const row = { id: 1, class: classOf(kind), epoch: '', seq: 1, body, acceptedAtMs: 0 };
    this.discovery.accepted({ kind, thing, row, isFirst });
  }

  async wait(ms: number): Promise<void> {
    this.nowMs += ms;
    this.discovery.tick();
    await settled();
  }
}

async function settled(): Promise<void> {
  for (let i = 0; i < 3_000; i += 1) await Promise.resolve();
  await new Promise((resolve) => setImmediate(resolve));
}

async function kitOn(broker = new RetainingBroker(), options: Partial<DiscoveryOptions> = {}): Promise<TestKit> {
  return new TestKit(broker, 'kit-A', options).connect();
}

function announcer(broker: RetainingBroker, topic = ONE): string {
  const config = JSON.parse(broker.retained.get(topic) ?? '{}') as { availability?: { topic: string }[] };
  return config.availability?.at(-1)?.topic ?? '';
}

describe('a drone', () => {
  test('is announced when it is heard for the second time, each entity once its value is known', async () => {
    const one = await kitOn();
    const { broker } = one;
    await one.hear('drone-1', {}, true);
    assert.deepEqual(broker.kept('drone-1'), []);
    await one.hear('drone-1');
    const base = 'homeassistant/sensor/wardragon_drone_drone-1';
    const first = [PLACE, `${base}_lat/config`, `${base}_lon/config`, `${base}_main/config`, PRESENCE];
    assert.deepEqual(broker.kept('drone-1'), first);
    assert.equal(broker.retained.get(PRESENCE), 'online');
    const before = broker.published.length;
    await one.hear('drone-1', { rssi: -60 });
    assert.deepEqual(broker.kept('rssi'), [`${base}_rssi/config`]);
    assert.equal(broker.published.length, before + 1, 'what is announced is not announced again');
    assert.ok(broker.published.every(({ qos, retain }) => qos === 1 && retain));
    await one.cut();
  });

  test('that is not heard for a minute leaves the map, and is back with its next message', async () => {
    const kit = await kitOn();
    await kit.hear('drone-1');
    await kit.wait(59_000);
    assert.equal(kit.broker.retained.get(PRESENCE), 'online');
    await kit.wait(1_000);
    assert.equal(kit.broker.retained.get(PRESENCE), 'offline');
    assert.ok(kit.broker.retained.has(ONE));
    await kit.hear('drone-1');
    assert.equal(kit.broker.retained.get(PRESENCE), 'online');
    await kit.cut();
  });

  test('that has been gone for long enough is taken back whole, and announced again when it comes again', async () => {
    const kit = await kitOn();
    await kit.hear('drone-1', { rssi: -60, pilot_lat: 1, home_lat: 1 });
    await kit.hear('drone-2');
    await kit.wait(23 * HOUR_MS);
    await kit.hear('drone-2');
    await kit.wait(HOUR_MS);
    assert.deepEqual(kit.broker.kept('drone-1'), []);
    assert.deepEqual(kit.takenBack, ['drone-1']);
    assert.ok(kit.broker.kept('drone-2').length > 3);
    await kit.hear('drone-1');
    assert.ok(kit.broker.retained.has(ONE));
    await kit.cut();
  });

  test('whose id fits no topic is not announced', async () => {
    const kit = await kitOn();
    await kit.hear('x'.repeat(600));
    assert.deepEqual(kit.broker.kept('homeassistant'), []);
    await kit.cut();
  });
});

describe('everything is announced again', () => {
  test('when Home Assistant says that it has begun, and not for a birth that is only retained', async () => {
    const kit = await kitOn();
    await kit.hear('drone-1');
    kit.broker.retained.clear();
    const say = (payload: string): void => {
      kit.broker.publish({ topic: 'homeassistant/status', payload, qos: 0, retain: false });
    };
    kit.discovery.heard({ topic: 'homeassistant/status', payload: Buffer.from('online'), retain: true });
    say('offline');
    await kit.wait(5_000);
    assert.deepEqual([kit.births, kit.broker.kept('drone-1').length], [0, 0]);
    for (let i = 0; i < 100; i += 1) say('online');
    await kit.wait(5_000);
    assert.equal(kit.births, 1, 'at most once each few seconds');
    assert.equal(kit.broker.kept('drone-1').length, 5);
    await kit.cut();
  });

  test('to a broker that has forgotten everything', async () => {
    const kit = await kitOn();
    await kit.hear('drone-1');
    const before = kit.broker.kept('drone-1');
    await kit.cut();
    kit.broker.retained.clear();
    await kit.connect();
    assert.deepEqual(kit.broker.kept('drone-1'), before);
    await kit.cut();
  });
});

describe('a kit that was restarted', () => {
  test('still takes back what it had announced, counting on from where it was', async () => {
    const kit = await kitOn();
    await kit.hear('drone-1', { rssi: -60 });
    await kit.wait(23 * HOUR_MS);
    await kit.restart();
    await kit.wait(HOUR_MS - 60_000);
    assert.ok(kit.broker.retained.has(ONE));
    await kit.wait(60_000);
    assert.deepEqual(kit.broker.kept('drone-1'), []);
    await kit.wait(5_000);
    await kit.restart();
    await kit.wait(0);
    assert.deepEqual(kit.takenBack, ['drone-1'], 'once');
    await kit.cut();
  });

  test('takes a drone off the map that left meanwhile', async () => {
    const kit = await kitOn();
    await kit.hear('drone-1');
    assert.equal(kit.broker.retained.get(PRESENCE), 'online');
    await kit.restart();
    assert.equal(kit.broker.retained.get(PRESENCE), 'offline');
    await kit.hear('drone-1');
    assert.equal(kit.broker.retained.get(PRESENCE), 'online');
    await kit.cut();
  });

  test('takes back what it could not while there was no connection', async () => {
    const kit = await kitOn();
    await kit.hear('drone-1');
    await kit.cut();
    await kit.wait(25 * HOUR_MS);
    assert.ok(kit.broker.retained.has(ONE));
    await kit.restart();
    await kit.wait(0);
    assert.deepEqual(kit.broker.kept('drone-1'), []);
    await kit.cut();
  });
});

describe('two kits', () => {
  async function both(): Promise<{ broker: RetainingBroker; a: TestKit; b: TestKit }> {
    const broker = new RetainingBroker();
    const a = await new TestKit(broker, 'kit-A').connect();
    const b = await new TestKit(broker, 'kit-B').connect();
    return { broker, a, b };
  }

  test('that hear the same drone announce the same entities, and stop at that', async () => {
    const { broker, a, b } = await both();
    await a.hear('drone-1', { rssi: -60 });
    await b.hear('drone-1', { pilot_lat: 1 });
    const published = broker.published.length;
    for (let i = 0; i < 5; i += 1) {
      await a.hear('drone-1', { rssi: -60 });
      await b.hear('drone-1', { pilot_lat: 1 });
    }
    assert.equal(broker.published.length, published);
    assert.ok(broker.kept('rssi').length === 1 && broker.kept('pilot_lat').length === 1);
    await Promise.all([a.cut(), b.cut()]);
  });

  test('one takes over from one that died, or has lost the drone', async () => {
    const { broker, a, b } = await both();
    await b.hear('drone-1');
    await a.hear('drone-1');
    assert.equal(announcer(broker), serviceTopic('kit-B'), 'it was first');
    b.die();
    await settled();
    assert.deepEqual([announcer(broker), announcer(broker, PLACE)], [serviceTopic('kit-A'), serviceTopic('kit-A')]);
    const again = await new TestKit(broker, 'kit-B').connect();
    await again.hear('drone-1');
    assert.equal(announcer(broker), serviceTopic('kit-A'));
    await a.wait(60_000);
    assert.deepEqual([broker.retained.get(PRESENCE), announcer(broker)], ['online', serviceTopic('kit-B')]);
    await Promise.all([a.cut(), b.cut(), again.cut()]);
  });

  test('one takes back nothing that the other answers for', async () => {
    const { broker, a, b } = await both();
    await a.hear('drone-1');
    await b.hear('drone-1');
    await a.wait(25 * HOUR_MS);
    assert.ok(broker.retained.has(ONE));
    assert.deepEqual([a.takenBack, broker.retained.get(PRESENCE)], [[], 'online']);
    await b.wait(25 * HOUR_MS);
    assert.deepEqual([b.takenBack, broker.kept('drone-1')], [['drone-1'], []]);
    await Promise.all([a.cut(), b.cut()]);
  });

  test('one takes back what a kit that is gone for good has left', async () => {
    const { broker, a, b } = await both();
    await a.hear('drone-1');
    await b.hear('drone-1');
    b.die();
    await a.wait(61_000);
    assert.equal(announcer(broker), serviceTopic('kit-A'));
    await a.wait(25 * HOUR_MS);
    assert.deepEqual(broker.kept('drone-1'), []);
    await a.cut();
  });

  test('somebody who announces against a kit again and again is answered now and then', async () => {
    const { broker, a } = await both();
    await a.hear('drone-1');
    const before = broker.published.length;
    for (let i = 0; i < 200; i += 1) {
      broker.publish({ topic: PRESENCE, payload: 'offline', qos: 0, retain: true });
      broker.publish({ topic: ONE, payload: i % 2 === 0 ? 'no JSON' : '', qos: 0, retain: true });
    }
    await a.wait(5_000);
    assert.ok(broker.published.length - before - 400 <= 10, `${broker.published.length - before - 400} answers`);
    await a.wait(5_000);
    assert.deepEqual([broker.retained.get(PRESENCE), announcer(broker)], ['online', serviceTopic('kit-A')]);
    await a.cut();
  });
});

describe('many drones', () => {
  test('beyond the limit are not announced, which is said once, and none that is here gives way', async () => {
    const kit = await kitOn();
    await kit.hearMany(MAX_DRONES + 50, 'drone');
    assert.equal(kit.broker.kept('_main/config').length, MAX_DRONES);
    assert.equal(kit.log.lines.filter((line) => /which is the limit/.test(JSON.stringify(line))).length, 1);
    assert.deepEqual([kit.discovery.holds('drone-0'), kit.discovery.holds('drone-120')], [true, false]);
    await kit.cut();
  });

  test('a new one takes the place of the one that has been gone for longest, now and then', async () => {
    const kit = await kitOn();
    await kit.hearMany(MAX_DRONES, 'drone');
    await kit.wait(61_000);
    await kit.hear('drone-0');
    await kit.hearMany(1_000, 'spoofed');
    assert.equal(kit.broker.kept('_main/config').length, MAX_DRONES);
    assert.deepEqual(kit.takenBack, ['drone-1']);
    await kit.cut();
  });

  test('of a flood of ids that are heard once none is announced', async () => {
    const kit = await kitOn();
    await kit.hearMany(1_000, 'spoofed', true);
    assert.deepEqual(kit.broker.kept('spoofed'), []);
    await kit.cut();
  });
});

describe('the kit itself', () => {
  test('is announced with what it knows of itself, and not where its health goes to a server alone', async () => {
    const body = JSON.stringify({ id: 'kit-A', cpu_usage: 12, temperature_c: 0, latitude: 1, longitude: 2 });
    const kit = await kitOn();
    kit.accept('system', '', body);
    await settled();
    const base = 'wardragon_drone_kit-A_system';
    const expected = [`homeassistant/device_tracker/${base}/config`, `homeassistant/sensor/${base}_cpu/config`];
    assert.deepEqual(kit.broker.kept('system'), expected);
    await kit.cut();
    const silent = await kitOn(new RetainingBroker(), { announcesKit: false });
    silent.accept('system', '', body);
    await settled();
    assert.deepEqual(silent.broker.kept('homeassistant'), []);
    await silent.cut();
  });
});
