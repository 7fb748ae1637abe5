// Reading an INI file: what is kept, what is refused, and the line each message names.
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { ConfigError } from '../../../src/base/errors.js';
import { readIniFile } from '../../../src/settings/ini-file.js';
import { loadKitSettings } from '../../../src/settings/kit-settings.js';
import { Problems } from '../../../src/settings/problems.js';
import { tempFolder } from '../../fixtures/temp-folder.js';
import { errorsOf, loadMqtt, loadText, warningsOf, writeConfig } from './kit-files.js';

function refusal(path: string): ConfigError {
  try {
    loadKitSettings(path);
  } catch (thrown: unknown) {
    if (thrown instanceof ConfigError) return thrown;
    throw thrown;
  }
  throw new Error('nothing was thrown');
}

test('a missing file is one error with its path and how to make it', (t) => {
  const path = join(tempFolder(t), 'config.ini');
  const error = refusal(path);
  assert.equal(error.code, 'config');
  assert.equal(error.message, `${path}: there is no such file`);
  assert.match(error.hint ?? '', /dragonsink config example > /);
});

test('a folder is one error that names the file to give instead', (t) => {
  const path = join(tempFolder(t), 'etc');
  mkdirSync(path);
  const error = refusal(path);
  assert.equal(error.message, `${path}: this is a folder`);
  assert.equal(error.hint, `name a file in it: --config ${path}/config.ini`);
});

test('a path below a file is a missing file', (t) => {
  const path = join(writeConfig(t, ''), 'config.ini');
  assert.match(refusal(path).message, /there is no such file/);
});

test('what is not UTF-8 is refused, with how to convert it', (t) => {
  for (const content of [
    Buffer.from('[MQTT]\nmqtt_username = J\xf6rg\n', 'latin1'),
    Buffer.from('\ufeff[MQTT]\n', 'utf16le'),
  ]) {
    const error = refusal(writeConfig(t, content));
    assert.match(error.message, /not UTF-8/);
    assert.match(error.hint ?? '', /iconv/);
  }
});

test('a byte order mark, CRLF, lone CR and spaces around names change nothing', (t) => {
  const lines = ['\ufeff[ MQTT ]', '  mqtt_host=127.0.0.1  ', 'MQTT_Port =  1884', '[mqtt]', 'mqtt_topic = a/b', ''];
  for (const end of ['\n', '\r\n', '\r']) {
    const { settings, warnings } = loadText(t, lines.join(end));
    assert.equal(settings.MQTT.mqtt_host, '127.0.0.1');
    assert.equal(settings.MQTT.mqtt_port, 1884);
    assert.equal(settings.MQTT.mqtt_topic, 'a/b');
    assert.deepEqual(warnings, []);
  }
});

test('a comment begins a line, or follows whitespace and # or ;', (t) => {
  const { settings } = loadMqtt(
    t,
    '# mqtt_port = 1',
    '  ; mqtt_port = 2',
    'mqtt_port = 1884   # three',
    'mqtt_client_id = a#b;c\t; four',
    'mqtt_username = # nobody',
    '[KIT] # and after a section',
    'kit_id = kit-1',
  );
  assert.equal(settings.MQTT.mqtt_port, 1884);
  assert.equal(settings.MQTT.mqtt_client_id, 'a#b;c');
  assert.equal(settings.MQTT.mqtt_username, '');
  assert.equal(settings.KIT.kit_id, 'kit-1');
});

test('in a password nothing is cut', (t) => {
  const passwords = [
    'a#b;c',
    'a # b ; c',
    '# not a comment',
    'a\\b\\#c',
    'a=b',
    '[x]',
    '%(x)s',
    'true',
    'null',
    '"',
    'é\u2028ü',
    '__proto__',
  ];
  for (const password of passwords) {
    assert.equal(loadMqtt(t, `mqtt_password =   ${password}  `).settings.MQTT.mqtt_password, password);
  }
});

test('a password that looks as if a comment followed is warned about, unless it is quoted', (t) => {
  const [warning, ...others] = warningsOf(loadMqtt(t, 'mqtt_password = hunter2 # the broker'));
  assert.match(warning ?? '', /^config\.ini:3 MQTT\.mqtt_password: all of the line is the value/);
  assert.ok(!warning?.includes('hunter2'));
  assert.deepEqual(others, []);
  assert.deepEqual(warningsOf(loadMqtt(t, 'mqtt_password = "hunter2 # the broker"')), []);
});

test('quotes delimit a value and nothing in them is special', (t) => {
  const { settings } = loadMqtt(
    t,
    'mqtt_password = "  a # b\\n"',
    `mqtt_username = 'it "is" # me' # not this`,
    'mqtt_client_id = "a\\b" ; C:\\',
  );
  assert.equal(settings.MQTT.mqtt_password, '  a # b\\n');
  assert.equal(settings.MQTT.mqtt_username, 'it "is" # me');
  assert.equal(settings.MQTT.mqtt_client_id, 'a\\b');
  assert.equal(loadMqtt(t, `mqtt_password = 'don't'`).settings.MQTT.mqtt_password, "don't");
  assert.equal(loadMqtt(t, 'mqtt_password = ""x""').settings.MQTT.mqtt_password, '"x"');
});

test('any password in quotes comes back as it is', (t) => {
  const rules = { sections: ['MQTT'], isSecret: () => true };
  const password = fc
    .string({ unit: 'binary', maxLength: 30 })
    .filter((text) => !/[\r\n]/.test(text) && text.isWellFormed());
  const path = writeConfig(t, '');
  fc.assert(
    fc.property(password, (text) => {
      writeFileSync(path, `[MQTT]\nmqtt_password = "${text}"\n`);
      assert.equal(readIniFile(path, rules, new Problems()).entries[0]?.text, text);
    }),
    { numRuns: 1_000 },
  );
});

test('a key that is there twice is an error that names both lines', (t) => {
  assert.deepEqual(
    errorsOf(() => loadMqtt(t, 'mqtt_port = 1', '[KIT]', '[MQTT]', 'MQTT_PORT = 1')),
    ['config.ini:6 MQTT.mqtt_port: is already set on line 3, expected one of the two'],
  );
});

test('lines that are neither a section nor key = value are errors that do not show the line', (t) => {
  const errors = errorsOf(() =>
    loadText(t, 'early = 1\n[MQTT\n[MQTT]\nmqtt_host = localhost\nhunter2\nmqtt_password: hunter2\n= 3\n'),
  );
  assert.deepEqual(errors, [
    'config.ini:1: stands before the first section, expected [MQTT], [DRAGONSYNC], [SPOOL], [KIT] above it',
    'config.ini:2: is not a section, expected [NAME]',
    'config.ini:5 MQTT: this line has no key and value, expected key = value',
    'config.ini:6 MQTT: this line has no key and value, expected key = value',
    'config.ini:7 MQTT: this line has no key and value, expected key = value',
  ]);
});

test('names that mean something to JavaScript or to ini are unknown keys like others', (t) => {
  const loaded = loadMqtt(t, '__proto__ = 1', 'constructor = 2', 'a.b = 3', 'mqtt_topic[] = x', '[__proto__]', 'x = 1');
  assert.equal(loaded.settings.MQTT.mqtt_topic, 'wardragon/drones');
  assert.equal(loaded.warnings.length, 5);
  assert.equal(({} as Record<string, unknown>)['x'], undefined);
});
