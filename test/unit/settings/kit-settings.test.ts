// The kit's settings from config.ini: defaults, checks, and where each value comes from.
import assert from 'node:assert/strict';
import { chmodSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { loadKitSettings } from '../../../src/settings/kit-settings.js';
import { tempFolder } from '../../fixtures/temp-folder.js';
import { errorsOf, loadMqtt, loadText, warningsOf, writeConfig } from './kit-files.js';

test('with a host alone everything has its default, typed and frozen', (t) => {
  const { settings, warnings, origins } = loadMqtt(t);
  assert.deepEqual(warnings, []);
  assert.equal(settings.MQTT.mqtt_port, 1883);
  assert.equal(settings.MQTT.mqtt_version, '5');
  assert.equal(settings.DRAGONSYNC.api_local_address, '127.0.0.88');
  assert.equal(settings.SPOOL.max_mb, 2048);
  assert.equal(settings.KIT.status_port, 4290);
  assert.ok(Object.isFrozen(settings) && Object.isFrozen(settings.MQTT));
  assert.match(origins.get('MQTT.mqtt_host') ?? '', /config\.ini:2$/);
  assert.equal(origins.get('MQTT.mqtt_port'), 'default');
});

test('an unknown key warns with the nearest known one, or with the section it belongs into', (t) => {
  const loaded = loadMqtt(
    t,
    'mqtt_hots = x',
    'mqtt_ca_cart = x',
    'frobnicate = x',
    'kit_id = x',
    '[KITS]',
    'a = 1',
    '[FOO]',
  );
  assert.deepEqual(warningsOf(loaded), [
    'config.ini:7 : Unknown section [KITS]: did you mean [KIT]?',
    'config.ini:9 : Unknown section [FOO]: it is not read; known are [MQTT], [DRAGONSYNC], [SPOOL], [KIT]',
    'config.ini:3 MQTT.mqtt_hots: Unknown key mqtt_hots: did you mean mqtt_host?',
    'config.ini:4 MQTT.mqtt_ca_cart: Unknown key mqtt_ca_cart: did you mean mqtt_ca_cert?',
    'config.ini:5 MQTT.frobnicate: Unknown key frobnicate: it is not read',
    'config.ini:6 MQTT.kit_id: Unknown key kit_id: it belongs into [KIT]',
  ]);
});

test('all problems are told together, in the order of the file', (t) => {
  const errors = errorsOf(() =>
    loadMqtt(
      t,
      'mqtt_port = 70000',
      'mqtt_tls = maybe',
      'mqtt_qos = 3',
      'mqtt_keepalive =',
      '',
      '[DRAGONSYNC]',
      'api_url = ftp://127.0.0.1',
      'api_poll_s = 2s',
      '[KIT]',
      'kit_id = wardragon-unknown',
      'log_level = chatty',
      'status_port = -1',
    ),
  );
  assert.deepEqual(errors, [
    'config.ini:3 MQTT.mqtt_port: "70000" is out of range, expected a whole number from 1 to 65535',
    'config.ini:4 MQTT.mqtt_tls: "maybe" is not true or false, expected true or false',
    'config.ini:5 MQTT.mqtt_qos: "3" is not one of the choices, expected 0 or 1 or 2',
    'config.ini:6 MQTT.mqtt_keepalive: is empty, expected a whole number from 5 to 3600',
    'config.ini:9 DRAGONSYNC.api_url: "ftp://127.0.0.1" is neither http nor https, expected a URL as http://127.0.0.1:8088, without a user or password',
    'config.ini:10 DRAGONSYNC.api_poll_s: "2s" is not a number, expected a number from 1 to 60',
    'config.ini:12 KIT.kit_id: wardragon-unknown is what DragonSync calls every kit it does not know, expected 1 to 64 letters, digits, dots, dashes or underscores',
    'config.ini:13 KIT.log_level: "chatty" is not one of the choices, expected debug or info or warn or error or silent',
    'config.ini:14 KIT.status_port: "-1" is out of range, expected a whole number from 0 to 65535',
  ]);
});

test('numbers are decimal digits and nothing else', (t) => {
  for (const port of ['0x50', '1e3', '1883.0', '1 883', 'NaN', '١٨٨٣']) {
    assert.equal(errorsOf(() => loadMqtt(t, `mqtt_port = ${port}`)).length, 1, port);
  }
  assert.equal(loadMqtt(t, '[DRAGONSYNC]', 'api_poll_s = 1.5').settings.DRAGONSYNC.api_poll_s, 1.5);
});

test("true and false are Python's words in any case", (t) => {
  for (const word of ['True', 'yes', 'ON', '1']) {
    assert.equal(loadMqtt(t, `mqtt_per_drone_enabled = ${word}`).settings.MQTT.mqtt_per_drone_enabled, true);
  }
  for (const word of ['False', 'no', 'off', '0']) {
    assert.equal(loadMqtt(t, `mqtt_retain = ${word}`).settings.MQTT.mqtt_retain, false);
  }
});

test('the port follows TLS and the QoS of each kind follows mqtt_qos, unless they are set', (t) => {
  const plain = loadMqtt(t, 'mqtt_qos_signals = 0', 'mqtt_qos = 2', 'mqtt_tls = true').settings.MQTT;
  assert.equal(plain.mqtt_port, 8883);
  assert.deepEqual(
    [plain.mqtt_qos_drones, plain.mqtt_qos_aircraft, plain.mqtt_qos_signals, plain.mqtt_qos_system],
    [2, 2, 0, 2],
  );
  assert.equal(loadMqtt(t, 'mqtt_tls = true', 'mqtt_port = 1883').settings.MQTT.mqtt_port, 1883);
});

test('without a host, and with mqtt_enabled, it says which', (t) => {
  assert.deepEqual(
    errorsOf(() => loadText(t, '[MQTT]\nmqtt_host =\n')),
    ["config.ini:2 MQTT.mqtt_host: is not set, expected the broker's host name or address, or mqtt_enabled = false"],
  );
  assert.match(errorsOf(() => loadText(t, ''))[0] ?? '', /^config\.ini MQTT\.mqtt_host: is not set/);
  assert.equal(loadText(t, '[MQTT]\nmqtt_enabled = false\n').settings.MQTT.mqtt_enabled, false);
});

test('a host is a host alone', (t) => {
  for (const wrong of ['mqtt://broker', 'broker:1883', 'a b', 'user:hunter2@broker', '-x']) {
    const [error] = errorsOf(() => loadText(t, `[MQTT]\nmqtt_host = ${wrong}\nmqtt_tls = true\n`));
    assert.match(error ?? '', /^config\.ini:2 MQTT\.mqtt_host: .*without mqtt:\/\/ and without a port$/);
    assert.ok(!error?.includes('hunter2'));
  }
  assert.equal(loadText(t, '[MQTT]\nmqtt_host = [::1]\n').settings.MQTT.mqtt_host, '::1');
});

test('without TLS a broker on another machine is refused unless that is allowed', (t) => {
  const load = (host: string, ...lines: string[]) =>
    loadText(t, ['[MQTT]', `mqtt_host = ${host}`, ...lines].join('\n'));
  const [error, ...others] = errorsOf(() => load('192.0.2.1'));
  assert.match(error ?? '', /^config\.ini:2 MQTT\.mqtt_host: .*mqtt_tls = true, or mqtt_allow_plaintext = true/);
  assert.deepEqual(others, []);
  assert.equal(errorsOf(() => load('127.example.org')).length, 1);
  for (const host of ['localhost', '127.0.0.1', '127.8.8.8', '::1', '[::1]']) load(host);
  load('192.0.2.1', 'mqtt_allow_plaintext = true');
  load('192.0.2.1', 'mqtt_tls = true');
  load('192.0.2.1', 'mqtt_enabled = false');
});

test('without TLS a broker in the private network is warned about', (t) => {
  const load = (host: string, ...lines: string[]) =>
    warningsOf(loadText(t, ['[MQTT]', `mqtt_host = ${host}`, ...lines].join('\n'))).join();
  const inside = ['10.1.2.3', '172.31.0.1', '192.168.1.21', '169.254.1.1', 'fd00::1', 'fe80::1', 'hass.local', 'hass'];
  for (const host of inside) {
    assert.match(load(host), /the way to .* is not encrypted: everybody in that network can read/, host);
    assert.equal(load(host, 'mqtt_tls = true'), '');
    assert.equal(load(host, 'mqtt_allow_plaintext = true'), '');
  }
  for (const host of ['172.32.0.1', '100.64.0.1', '11.0.0.1', '2001:db8::1', 'broker.example', '10.0.0.1.example']) {
    assert.equal(errorsOf(() => load(host)).length, 1, host);
  }
});

test('a private key that others can read is refused', (t) => {
  const [cert, key] = ['cert.pem', 'key.pem'].map((name) => join(tempFolder(t), name)) as [string, string];
  writeFileSync(cert, '');
  writeFileSync(key, '');
  const load = () => loadMqtt(t, 'mqtt_tls = true', `mqtt_certfile = ${cert}`, `mqtt_keyfile = ${key}`);
  chmodSync(key, 0o644);
  assert.deepEqual(errorsOf(load), [
    `config.ini:5 MQTT.mqtt_keyfile: ${key} can be read by others, expected a file of its owner alone: chmod 600 ${key}`,
  ]);
  chmodSync(key, 0o640);
  assert.deepEqual(warningsOf(load()), []);
});

test('a topic must be one that can be published to, and belong to one stream', (t) => {
  for (const topic of ['a/+', '#', '/a', 'a/', '$SYS/a', 'x'.repeat(201), '""']) {
    assert.match(errorsOf(() => loadMqtt(t, `mqtt_topic = ${topic}`))[0] ?? '', /MQTT\.mqtt_topic: /, topic);
  }
  const clashes = [
    ['mqtt_topic = a', 'mqtt_signals_topic = a'],
    ['mqtt_aircraft_topic = wardragon/drone/aircraft'],
    ['mqtt_aircraft_topic = wardragon/drones'],
    ['mqtt_topic = wardragon/sink/kit/status'],
  ];
  for (const lines of clashes) assert.equal(errorsOf(() => loadMqtt(t, ...lines)).length, 1, lines.join());
});

test('mqtt_ca_cert is another name of mqtt_ca_file', (t) => {
  const ca = join(tempFolder(t), 'ca.crt');
  writeFileSync(ca, 'PEM');
  const { settings, origins } = loadMqtt(t, `mqtt_ca_cert = ${ca}`, 'mqtt_tls = true');
  assert.equal(settings.MQTT.mqtt_ca_file, ca);
  assert.match(origins.get('MQTT.mqtt_ca_file') ?? '', /:3$/);
  loadMqtt(t, `mqtt_ca_cert = ${ca}`, `mqtt_ca_file = ${ca}`);
  assert.deepEqual(errorsOf(() => loadMqtt(t, `mqtt_ca_cert = ${ca}`, 'mqtt_ca_file = /other')).slice(0, 1), [
    'config.ini:4 MQTT.mqtt_ca_file: is already set on line 3 as mqtt_ca_cert, expected one of the two',
  ]);
});

test('TLS files must be readable files, and a certificate has its key', (t) => {
  const folder = tempFolder(t);
  const file = join(folder, 'kit.crt');
  writeFileSync(file, 'PEM');
  const missing = errorsOf(() =>
    loadMqtt(t, 'mqtt_tls = true', `mqtt_ca_file = ${folder}`, 'mqtt_keyfile = /no/such.key'),
  );
  assert.equal(missing.length, 3);
  assert.match(missing[0] ?? '', /^config\.ini:4 MQTT\.mqtt_ca_file: .* is a folder, expected a file$/);
  assert.match(missing.join('\n'), /config\.ini:5 MQTT\.mqtt_keyfile: \/no\/such\.key does not exist/);
  assert.match(
    errorsOf(() => loadMqtt(t, 'mqtt_tls = true', `mqtt_certfile = ${file}`))[0] ?? '',
    /is set without mqtt_keyfile/,
  );
});

test('TLS files without TLS, an unchecked certificate and MQTT 3.1.1 are warned about', (t) => {
  const ca = join(tempFolder(t), 'ca.crt');
  writeFileSync(ca, 'PEM');
  assert.match(warningsOf(loadMqtt(t, `mqtt_ca_file = ${ca}`)).join(), /has no effect without mqtt_tls = true/);
  assert.match(warningsOf(loadMqtt(t, 'mqtt_tls = true', 'mqtt_tls_insecure = true')).join(), /anybody can pose as it/);
  assert.match(warningsOf(loadMqtt(t, 'mqtt_version = 3.1.1')).join(), /confirms also what its access rules/);
});

test('relative paths begin at the folder of the configuration', (t) => {
  const path = writeConfig(t, '[MQTT]\nmqtt_host = ::1\n[SPOOL]\npath = data/spool.db\n');
  assert.equal(loadKitSettings(path).settings.SPOOL.path, join(dirname(path), 'data/spool.db'));
  assert.match(errorsOf(() => loadMqtt(t, '[SPOOL]', 'path = ~/spool.db'))[0] ?? '', /SPOOL\.path: .*the whole path/);
});

test('a password file is read, without the line end behind it', (t) => {
  for (const [content, password] of [
    ['a # b\n', 'a # b'],
    [' x \r\n', ' x '],
    ['y\n\n', 'y\n'],
  ] as const) {
    const file = join(tempFolder(t), 'password');
    writeFileSync(file, content, { mode: 0o600 });
    if (password.includes('\n')) {
      assert.match(errorsOf(() => loadMqtt(t, `mqtt_password_file = ${file}`))[0] ?? '', /control character/);
      continue;
    }
    const { settings, origins } = loadMqtt(t, `mqtt_password_file = ${file}`);
    assert.equal(settings.MQTT.mqtt_password, password);
    assert.equal(origins.get('MQTT.mqtt_password'), file);
  }
});

test('a password file that others can read is refused with the chmod that mends it', (t) => {
  const file = join(tempFolder(t), 'password');
  writeFileSync(file, 'hunter2\n');
  const load = () => loadMqtt(t, `mqtt_password_file = ${file}`);
  for (const mode of [0o644, 0o604]) {
    chmodSync(file, mode);
    assert.deepEqual(errorsOf(load), [
      `config.ini:3 MQTT.mqtt_password_file: ${file} can be read by others, expected a file of its owner alone: chmod 600 ${file}`,
    ]);
  }
  for (const mode of [0o600, 0o400, 0o640]) {
    chmodSync(file, mode);
    assert.equal(load().settings.MQTT.mqtt_password, 'hunter2');
  }
});

test('a password file that is missing, a folder or empty is an error, and so is one beside a password', (t) => {
  const folder = tempFolder(t);
  const file = join(folder, 'password');
  writeFileSync(file, '\n', { mode: 0o600 });
  chmodSync(folder, 0o700);
  const error = (...lines: string[]) => errorsOf(() => loadMqtt(t, ...lines))[0] ?? '';
  assert.match(error(`mqtt_password_file = ${file}`), /is empty/);
  assert.match(error(`mqtt_password_file = ${folder}`), /is a folder/);
  assert.match(error('mqtt_password_file = /no/such'), /does not exist/);
  assert.match(
    error('mqtt_password = hunter2', `mqtt_password_file = ${file}`),
    /^config\.ini:4 MQTT\.mqtt_password_file: is set together with mqtt_password, /,
  );
});

test('a configuration with a password that others can read is refused', (t) => {
  const content = '[MQTT]\nmqtt_host = ::1\nmqtt_password = hunter2\n';
  const [error, ...others] = errorsOf(() => loadKitSettings(writeConfig(t, content, 0o644)));
  assert.match(error ?? '', /^config\.ini: holds a password and can be read by others, expected chmod 640 /);
  assert.deepEqual(others, []);
  assert.deepEqual(warningsOf(loadKitSettings(writeConfig(t, content, 0o640))), []);
});

test("of DragonSync's own file only our sections are read, without a word about the rest", (t) => {
  const theirs =
    '[SETTINGS]\nmqtt_host = 192.0.2.1\nmqtt_password = theirs\nzmq_port 4224\nmqtt_host = again\n[OTHER]\n';
  const { settings, warnings } = loadText(t, `${theirs}[MQTT]\nmqtt_host = 127.0.0.1\n`);
  assert.equal(settings.MQTT.mqtt_host, '127.0.0.1');
  assert.equal(settings.MQTT.mqtt_password, '');
  assert.deepEqual(warnings, []);
  assert.match(errorsOf(() => loadText(t, theirs))[0] ?? '', /in a section \[MQTT\] \(\[SETTINGS\] is DragonSync's/);
});

test("a password of ours in DragonSync's file is refused", (t) => {
  const [error, ...others] = errorsOf(() =>
    loadText(t, '[MQTT]\nmqtt_host = ::1\nmqtt_password = hunter2\n[SETTINGS]\n'),
  );
  assert.match(error ?? '', /^config\.ini:3 MQTT\.mqtt_password: .*git tracks, expected mqtt_password_file = FILE/);
  assert.ok(!error?.includes('hunter2'));
  assert.deepEqual(others, []);
});

test('Home Assistant reads the drones on their own topics, and little of a kit that sends frames', (t) => {
  const [error, ...others] = errorsOf(() => loadMqtt(t, 'mqtt_ha_enabled = true'));
  assert.match(error ?? '', /MQTT\.mqtt_ha_enabled: .*own topic.*expected mqtt_per_drone_enabled = true/);
  assert.deepEqual(others, []);
  const enabled = ['mqtt_ha_enabled = true', 'mqtt_per_drone_enabled = true'];
  assert.deepEqual(warningsOf(loadMqtt(t, ...enabled)), []);
  assert.match(
    warningsOf(loadMqtt(t, ...enabled, 'mqtt_wire = stream')).join(),
    /of the kit itself Home Assistant gets nothing/,
  );
  assert.match(errorsOf(() => loadMqtt(t, ...enabled, 'mqtt_ha_device_base = a/b')).join(), /can't begin a unique id/);
  for (const prefix of ['home/#', 'wardragon/service', 'wardragon/drone/x', 'wardragon/drones']) {
    assert.equal(errorsOf(() => loadMqtt(t, ...enabled, `mqtt_ha_prefix = ${prefix}`)).length, 1, prefix);
  }
});

describe("DragonSync's own MQTT as the source", () => {
  const sourceIs = (t: TestContext, ...lines: string[]) => loadMqtt(t, '[DRAGONSYNC]', 'source = mqtt', ...lines);

  test('is listened for on an address and a port, of loopback unless told otherwise', (t) => {
    const listen = ['listen = 127.0.0.1:1884'];
    assert.equal(sourceIs(t, ...listen).settings.DRAGONSYNC.listen, '127.0.0.1:1884');
    assert.deepEqual(warningsOf(sourceIs(t, ...listen)), []);
    assert.deepEqual(warningsOf(sourceIs(t, 'listen = [::1]:1884')), []);
    assert.match(
      warningsOf(sourceIs(t, 'listen = 0.0.0.0:1884')).join(),
      /listen: 0\.0\.0\.0 can be reached from other/,
    );
    for (const wrong of [
      '127.0.0.1',
      ':1883',
      '127.0.0.1:0',
      '127.0.0.1:65536',
      'mqtt://127.0.0.1:1883',
      '::1:1883x',
    ]) {
      const [error] = errorsOf(() => sourceIs(t, `listen = ${wrong}`));
      assert.match(error ?? '', /listen: .* is no address with a port/, wrong);
    }
  });

  test('may not be listened for where our own broker is', (t) => {
    const [error] = errorsOf(() => sourceIs(t));
    assert.match(error ?? '', /listen: 127\.0\.0\.1:1883 is where mqtt_host and mqtt_port expect a broker/);
    assert.deepEqual(warningsOf(sourceIs(t, 'local_mqtt_host = 127.0.0.1')), []);
  });

  test('is a broker when one is named, and what then has no effect is said', (t) => {
    assert.match(
      warningsOf(sourceIs(t, 'local_mqtt_host = 127.0.0.1', 'listen = 127.0.0.1:1884')).join(),
      /listen: has no effect: local_mqtt_host/,
    );
    assert.match(warningsOf(sourceIs(t, 'local_mqtt_host = 192.0.2.1')).join(), /not encrypted/);
    const polled = warningsOf(loadMqtt(t, '[DRAGONSYNC]', 'listen = 127.0.0.1:1', 'local_mqtt_host = x'));
    assert.equal(polled.length, 2);
    for (const warning of polled) assert.match(warning, /has no effect without source = mqtt$/);
  });
});

test('frames are for a server: with delivery by the broker they are refused', (t) => {
  for (const line of ['mqtt_wire = stream', 'mqtt_replay = frames']) {
    const errors = errorsOf(() => loadMqtt(t, line, 'mqtt_delivery = broker'));
    assert.equal(errors.length, 1, line);
    assert.match(errors[0] ?? '', /need.* a server, .*expected mqtt_delivery = auto or database$/);
    assert.deepEqual(warningsOf(loadMqtt(t, line)), []);
  }
});

test('without a replay nothing of an outage is ever delivered, and that is said', (t) => {
  const warnings = warningsOf(loadMqtt(t, 'mqtt_replay = off', 'mqtt_delivery = database'));
  assert.match(warnings.join(), /mqtt_replay: with mqtt_delivery = database .* stays in the spool until it is evicted/);
  assert.deepEqual(warningsOf(loadMqtt(t, 'mqtt_replay = off', 'mqtt_delivery = broker')), []);
});

test('towards an API on another machine there is no local address', (t) => {
  const remote = ['[DRAGONSYNC]', 'api_url = http://192.0.2.1:8088/'];
  const { DRAGONSYNC } = loadMqtt(t, ...remote).settings;
  assert.deepEqual([DRAGONSYNC.api_url, DRAGONSYNC.api_local_address], ['http://192.0.2.1:8088', '']);
  assert.match(warningsOf(loadMqtt(t, ...remote, 'api_local_address = 127.0.0.9')).join(), /has no effect: api_url/);
  assert.equal(loadMqtt(t, '[DRAGONSYNC]', 'api_local_address =').settings.DRAGONSYNC.api_local_address, '');
  const [error] = errorsOf(() => loadMqtt(t, '[DRAGONSYNC]', 'api_url = http://me:hunter2@127.0.0.1:8088'));
  assert.match(error ?? '', /holds a user or a password \(not shown\)/);
});
