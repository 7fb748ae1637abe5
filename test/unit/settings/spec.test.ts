// What holds for every setting: examples agree with the specification, secrets are not shown.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { kitExample, serverExample } from '../../../src/settings/example-file.js';
import { KIT_SPEC } from '../../../src/settings/kit-spec.js';
import { levenshtein, nearestName } from '../../../src/settings/nearest-name.js';
import { redact, redactUrl } from '../../../src/settings/redaction.js';
import { SERVER_SPEC } from '../../../src/settings/server-spec.js';
import type { Section } from '../../../src/settings/spec.js';
import { loadEnv, loadText } from './kit-files.js';

const ROOT = join(import.meta.dirname, '../../..');

/** As the design lists them, with their defaults as they are written in a file. */
const KEYS = {
  MQTT: {
    mqtt_enabled: 'true',
    mqtt_host: '',
    mqtt_port: '1883',
    mqtt_username: '',
    mqtt_password: '',
    mqtt_tls: 'false',
    mqtt_ca_file: '',
    mqtt_certfile: '',
    mqtt_keyfile: '',
    mqtt_tls_insecure: 'false',
    mqtt_topic: 'wardragon/drones',
    mqtt_per_drone_enabled: 'false',
    mqtt_per_drone_base: 'wardragon/drone',
    mqtt_aircraft_enabled: 'true',
    mqtt_aircraft_topic: 'wardragon/aircraft',
    mqtt_signals_enabled: 'true',
    mqtt_signals_topic: 'wardragon/signals',
    mqtt_retain: 'true',
    mqtt_ha_enabled: 'false',
    mqtt_ha_prefix: 'homeassistant',
    mqtt_ha_device_base: 'wardragon_drone',
    mqtt_qos: '1',
    mqtt_qos_drones: '1',
    mqtt_qos_aircraft: '1',
    mqtt_qos_signals: '1',
    mqtt_qos_system: '1',
    mqtt_version: '5',
    mqtt_client_id: '',
    mqtt_keepalive: '30',
    mqtt_password_file: '',
    mqtt_wire: 'topics',
    mqtt_frame_ms: '250',
    mqtt_replay: 'auto',
    mqtt_delivery: 'auto',
    mqtt_drain_rate_kbps: '0',
    mqtt_allow_plaintext: 'false',
    mqtt_ha_expire_h: '24',
  },
  DRAGONSYNC: {
    source: 'api',
    api_url: 'http://127.0.0.1:8088',
    api_poll_s: '2',
    api_local_address: '127.0.0.88',
    aircraft_interval_s: '5',
    droneid_health_port: '4227',
    dragonsig_health_port: '4228',
    listen: '127.0.0.1:1883',
    local_mqtt_host: '',
    local_mqtt_port: '1883',
  },
  SPOOL: {
    path: '/var/lib/dragonsink/spool.db',
    max_mb: '2048',
    max_age_h: '720',
    min_free_mb: '512',
    evict: 'priority',
  },
  KIT: { kit_id: '', log_level: 'info', status_port: '4290' },
};

const VARIABLES = {
  DATABASE_URL: 'sqlite:/var/lib/dragonsink/server.db',
  MQTT_INGEST_ENABLED: 'true',
  MQTT_BROKER_HOST: '127.0.0.1',
  MQTT_BROKER_PORT: '1883',
  MQTT_VERSION: '5',
  MQTT_SHARE_GROUP: '',
  MQTT_AUTH_ENABLED: 'false',
  MQTT_USERNAME: '',
  MQTT_PASSWORD: '',
  MQTT_TLS_ENABLED: 'false',
  MQTT_TLS_PORT: '8883',
  MQTT_CA_FILE: '',
  MQTT_CERT_FILE: '',
  MQTT_KEY_FILE: '',
  MQTT_TOPIC_DRONES: 'wardragon/drones',
  MQTT_TOPIC_DRONE_PREFIX: 'wardragon/drone',
  MQTT_TOPIC_AIRCRAFT: 'wardragon/aircraft',
  MQTT_TOPIC_SIGNALS: 'wardragon/signals',
  MQTT_TOPIC_SYSTEM: 'wardragon/system',
  SERVER_ID: '',
  DATABASE_MAINTAIN_URL: '',
  HTTP_HOST: '127.0.0.1',
  HTTP_PORT: '8095',
  HTTP_TOKEN: '',
  HTTP_TOKEN_FILE: '',
  HTTP_TRUSTED_PROXIES: '',
  MAP_TILE_URL: '',
  MAP_TILE_ATTRIBUTION: '',
  FLEET_DIR: '/etc/dragonsink/fleet',
  LOG_LEVEL: 'info',
  MQTT_PASSWORD_FILE: '',
  DATABASE_URL_FILE: '',
  DATABASE_MAINTAIN_URL_FILE: '',
};

function defaultsOf(section: Section): Record<string, string> {
  return Object.fromEntries(Object.entries(section).map(([key, setting]) => [key, String(setting.default)]));
}

test('every key of the design is there with its default, and no other', () => {
  const found = Object.fromEntries(Object.entries(KIT_SPEC).map(([name, section]) => [name, defaultsOf(section)]));
  assert.deepEqual(found, KEYS);
  assert.deepEqual(defaultsOf(SERVER_SPEC), VARIABLES);
  assert.deepEqual(KIT_SPEC.MQTT.mqtt_ca_file.aliases, ['mqtt_ca_cert']);
  assert.deepEqual(SERVER_SPEC.MQTT_TLS_ENABLED.aliases, ['MQTT_USE_TLS']);
});

test('every default is a value its own setting takes', () => {
  for (const section of [...Object.values(KIT_SPEC), SERVER_SPEC] as Section[]) {
    for (const [key, setting] of Object.entries(section)) {
      assert.deepEqual(setting.parse(String(setting.default)), { value: setting.default }, key);
      assert.match(setting.doc, /^[A-Z].*\.$/, key);
    }
  }
});

test('the shipped files are what the program makes', () => {
  assert.equal(readFileSync(join(ROOT, 'config/config.ini'), 'utf8'), kitExample());
  assert.equal(readFileSync(join(ROOT, 'config/server.env'), 'utf8'), serverExample());
});

test('the example loads without a word once a host is there, also with every default written out', (t) => {
  const example = kitExample().replace('mqtt_host =', 'mqtt_host = 127.0.0.1');
  const asShipped = loadText(t, example);
  const writtenOut = loadText(t, example.replace(/^#(?=\w)/gm, ''));
  assert.deepEqual([...asShipped.warnings, ...writtenOut.warnings], []);
  assert.deepEqual(writtenOut.settings, asShipped.settings);
  assert.ok(writtenOut.origins.get('MQTT.mqtt_qos_drones')?.includes('config.ini:'));
});

test('the example of the server loads without a word with every default written out', () => {
  const lines = serverExample()
    .split('\n')
    .filter((line) => /^#[A-Z_]+=/.test(line));
  const env = Object.fromEntries(
    lines.map((line) => [line.slice(1, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  );
  assert.ok(lines.length > 15);
  assert.deepEqual(loadEnv(env).warnings, []);
});

test('an example names what there is to choose from', () => {
  assert.match(kitExample(), /One\s+(# )?of: auto, frames, topics, off\./);
});

test('a URL is shown without the password in it', () => {
  const shown: [string, string][] = [
    ['postgres://u:hunter2@h:5432/d', 'postgres://u:********@h:5432/d'],
    ['postgres://u:hun@ter2@h/d', 'postgres://u:********@h/d'],
    ['postgres://u:hunter2/x@h/d', 'postgres://u:********@h/d'],
    ['postgres://:hunter2@h/d', 'postgres://:********@h/d'],
    ['postgres://h/d?user=u&password=hunter2&x=1', 'postgres://h/d?user=u&password=********&x=1'],
    ['postgres://h/d?sslpassword=hunter2', 'postgres://h/d?sslpassword=********'],
    ['postgres://u@h:5432/d', 'postgres://u@h:5432/d'],
    ['sqlite:/var/lib/a:b@c.db', 'sqlite:/var/lib/a:b@c.db'],
  ];
  for (const [url, expected] of shown) assert.equal(redactUrl(url), expected);
  assert.equal(redact(KIT_SPEC.MQTT.mqtt_password, 'hunter2'), '********');
  assert.equal(redact(KIT_SPEC.MQTT.mqtt_password, ''), '');
});

test('the nearest name is near', () => {
  assert.equal(levenshtein('kitten', 'sitting'), 3);
  assert.equal(levenshtein('', 'abc'), 3);
  assert.equal(nearestName('evcit', ['evict', 'path']), 'evict');
  assert.equal(nearestName('xyz', ['evict', 'path']), null);
});
