// What is announced to Home Assistant: DragonSync's entities under its unique ids, in the keys Home Assistant documents.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { JsonObject } from '../../../../src/base/json.js';
import {
  announcerOf,
  configOf,
  configTopic,
  type Device,
  DRONE_ENTITIES,
  droneDevice,
  type Entity,
  KIT_ENTITIES,
  kitDevice,
} from '../../../../src/kit/home-assistant/entities.js';
import { recordedHistory } from '../../../fixtures/recordings.js';

const NAMES = { prefix: 'homeassistant', deviceBase: 'wardragon_drone' };
const SERVICE = 'wardragon/service/wardragon-A/availability';
const ID = 'drone-1581F4XF';
const DRONE = droneDevice(NAMES, ID, `wardragon/drone/${ID}`, SERVICE);
const KIT = kitDevice(NAMES, 'wardragon-A', 'wardragon/system/wardragon-A/attrs', SERVICE);

/** DragonSync sinks/mqtt_sink.py: _publish_ha_device_tracker, _publish_ha_sensors, _publish_ha_system_discovery. */
const DRAGONSYNC = {
  drone: {
    device_tracker: ['', '_pilot', '_home'],
    sensor: [
      ...['_lat', '_lon', '_alt', '_speed', '_vspeed', '_height', '_dir', '_pilot_lat', '_pilot_lon', '_home_lat'],
      ...['_home_lon', '_rssi', '_freq', '_ua_type', '_op_id', '_transport', '_description', '_main'],
    ],
  },
  kit: {
    device_tracker: [''],
    sensor: [
      ...['_cpu', '_mem_free', '_mem_total', '_disk_used', '_disk_total', '_temp', '_uptime', '_speed', '_track'],
      ...['_pluto_temp', '_zynq_temp'],
    ],
  },
};

/** Of home-assistant.io: source/_integrations/sensor.mqtt.markdown and device_tracker.mqtt.markdown, "Configuration". */
const COMMON = [
  ...[
    'availability',
    'availability_mode',
    'availability_template',
    'availability_topic',
    'default_entity_id',
    'device',
  ],
  ...['enabled_by_default', 'encoding', 'entity_category', 'entity_picture', 'icon', 'json_attributes_template'],
  ...['json_attributes_topic', 'name', 'payload_available', 'payload_not_available', 'platform', 'qos', 'unique_id'],
  // source/_integrations/mqtt.markdown, "Adding information about the origin of a discovery message"
  'origin',
];
const DOCUMENTED: Record<string, readonly string[]> = {
  sensor: [
    ...COMMON,
    ...['device_class', 'expire_after', 'force_update', 'last_reset_value_template', 'options', 'state_class'],
    ...['state_topic', 'suggested_display_precision', 'unit_of_measurement', 'value_template'],
  ],
  // Its `state_topic` is no longer among them: it stops working with Home Assistant 2027.1.
  device_tracker: [...COMMON, 'group', 'source_type'],
};
const DOCUMENTED_DEVICE = [
  ...['configuration_url', 'connections', 'hw_version', 'identifiers', 'manufacturer', 'model', 'model_id', 'name'],
  ...['serial_number', 'suggested_area', 'sw_version', 'via_device'],
];
const DOCUMENTED_AVAILABILITY = ['payload_available', 'payload_not_available', 'topic', 'value_template'];
const DOCUMENTED_ORIGIN = ['name', 'sw_version', 'support_url'];
/** source/_integrations/sensor.markdown, "Device class": the units a class takes. */
const UNITS: Record<string, string> = { distance: 'm', speed: 'm/s', signal_strength: 'dBm', temperature: '°C' };
/** homeassistant/components/mqtt/discovery.py TOPIC_MATCHER: on any other topic nothing is discovered. */
const DISCOVERED = /^homeassistant\/(sensor|device_tracker)\/[a-zA-Z0-9_-]+\/config$/;

const ALL: readonly [Device, Entity][] = [
  ...DRONE_ENTITIES.map((entity): [Device, Entity] => [DRONE, entity]),
  ...KIT_ENTITIES.map((entity): [Device, Entity] => [KIT, entity]),
];

function madeOf(entities: readonly Entity[], message: JsonObject): string[] {
  return entities.filter(({ isKnown }) => isKnown(message)).map(({ suffix }) => suffix);
}

describe('an entity', () => {
  test('has the unique id and the discovery topic that DragonSync gives it, and there is no other', () => {
    for (const [what, base, device, entities] of [
      ['drone', `wardragon_drone_${ID}`, DRONE, DRONE_ENTITIES],
      ['kit', 'wardragon_drone_wardragon-A_system', KIT, KIT_ENTITIES],
    ] as const) {
      for (const component of ['sensor', 'device_tracker'] as const) {
        const of = entities.filter((entity) => entity.component === component);
        const expected = DRAGONSYNC[what][component].map((part) => base + part).sort();
        assert.deepEqual(of.map((entity) => configOf(device, entity)['unique_id']).sort(), expected);
        const topics = expected.map((id) => `homeassistant/${component}/${id}/config`);
        assert.deepEqual(of.map((entity) => configTopic(NAMES, device, entity)).sort(), topics);
      }
    }
    assert.deepEqual(DRONE.device['identifiers'], [`wardragon_drone:${ID}`]);
    assert.deepEqual(KIT.device['identifiers'], ['wardragon_drone:wardragon-A:system']);
  });

  for (const [device, entity] of ALL) {
    test(`${device === KIT ? 'kit' : 'drone'} ${entity.component} ${entity.suffix}: only documented keys`, () => {
      const config = configOf(device, entity);
      const undocumented = (keys: object, documented: readonly string[] = []): string[] =>
        Object.keys(keys).filter((key) => !documented.includes(key));
      assert.deepEqual(undocumented(config, DOCUMENTED[entity.component]), []);
      assert.deepEqual(undocumented(config['device'] as object, DOCUMENTED_DEVICE), []);
      assert.deepEqual(undocumented(config['origin'] as object, DOCUMENTED_ORIGIN), []);
      for (const one of config['availability'] as object[]) {
        assert.deepEqual(undocumented(one, DOCUMENTED_AVAILABILITY), []);
      }
      assert.ok(typeof config['name'] === 'string' && config['name'] !== '');
      if (entity.component === 'device_tracker') assert.equal(config['source_type'], 'gps');
      const { device_class: deviceClass, unit_of_measurement: unit } = config;
      if (deviceClass !== undefined) assert.equal(unit, UNITS[String(deviceClass)]);
      assert.match(configTopic(NAMES, device, entity), DISCOVERED);
    });
  }

  test('is there as long as its kit is; the place of a drone only while it is heard', () => {
    for (const [device, entity] of ALL) {
      const { availability, availability_mode: mode } = configOf(device, entity);
      const isPlace = device === DRONE && entity.component === 'device_tracker';
      const presence = { topic: `wardragon/drone/${ID}/availability` };
      assert.deepEqual(availability, [...(isPlace ? [presence] : []), { topic: SERVICE }]);
      assert.equal(mode, isPlace ? 'all' : undefined);
      assert.equal(announcerOf(configOf(device, entity)), SERVICE);
    }
    for (const foreign of [
      null,
      7,
      {},
      { availability: 'x' },
      { availability: [] },
      { availability: [{ topic: 1 }] },
    ]) {
      assert.equal(announcerOf(foreign), null);
    }
  });
});

describe('a value that was never known', () => {
  test('makes no entity', () => {
    const nothing = {
      ...{ id: ID, lat: 0, lon: 0, latitude: 0, longitude: 0, alt: 0, height: 0, speed: 0, vspeed: 0, direction: null },
      ...{ rssi: 0, pilot_lat: 0, pilot_lon: 0, home_lat: 0, home_lon: 0, freq_mhz: null, ua_type_name: 'Unknown' },
      ...{ operator_id: '', transport: '', description: '' },
    };
    assert.deepEqual(madeOf(DRONE_ENTITIES, nothing), ['main']);
    assert.deepEqual(madeOf(DRONE_ENTITIES, { ...nothing, rssi: -72, pilot_lat: 1.5 }), [
      ...['main', 'pilot', 'pilot_lat', 'pilot_lon', 'rssi'],
    ]);
    const arm = { latitude: 0, longitude: 0, cpu_usage: 12, temperature_c: 0, pluto_temp_c: null, speed_mps: 0 };
    assert.deepEqual(madeOf(KIT_ENTITIES, arm), ['cpu']);
  });

  test('of the recorded drones each has what DragonSync knew of it', () => {
    const made = new Set<string>();
    for (const { kind, message } of recordedHistory('main')) {
      if (kind === 'drone') for (const one of madeOf(DRONE_ENTITIES, message)) made.add(one);
    }
    for (const part of ['', 'pilot', 'home', 'lat', 'lon', 'alt', 'speed', 'rssi', 'freq', 'main', 'description']) {
      assert.ok(made.has(part), part);
    }
  });
});

describe('an id from the air', () => {
  const hostile = [
    ...['drone-a/b', 'drone-a b', 'drone-a+b', 'drone-a#b', 'drone-ä', "drone-{{ states('x') }}", 'drone-\u0000'],
    ...['drone-\u202ex', `drone-${'x'.repeat(400)}`, `drone-${'x'.repeat(401)}`, ' ', '…', '__proto__ ', '\ud800'],
  ];

  test('never spoils a topic, and no two share one', () => {
    const seen = new Set<string>();
    for (const id of hostile) {
      const device = droneDevice(NAMES, id, 'wardragon/drone/x', SERVICE);
      for (const entity of DRONE_ENTITIES) {
        const topic = configTopic(NAMES, device, entity);
        assert.match(topic, DISCOVERED);
        assert.ok(topic.length < 160);
        assert.ok(!seen.has(topic), topic);
        seen.add(topic);
      }
    }
  });

  test('is in no template, and in a name short and on one line', () => {
    for (const id of hostile) {
      const device = droneDevice(NAMES, id, 'wardragon/drone/x', SERVICE);
      for (const entity of DRONE_ENTITIES) {
        const config = configOf(device, entity);
        for (const key of ['value_template', 'json_attributes_template']) {
          assert.equal(config[key], configOf(DRONE, entity)[key]);
        }
      }
      assert.match(String(device.device['name']), /^[^\p{C}]{1,64}$/u);
    }
  });
});
