// Keys are set in a file that a person keeps, and nothing else in it changes.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { kitExample, serverExample } from '../../../src/settings/example-file.js';
import { setIniValues, setVariables } from '../../../src/settings/set-values.js';
import { loadText } from './kit-files.js';

test('a key is changed where it stands, once, and one that is not wanted goes', () => {
  const before = '; ours\n[MQTT]\nMQTT_HOST = a ; why\nmqtt_host = b\nmqtt_password = x\n\n[KIT]\nmqtt_host = theirs\n';
  assert.equal(
    setIniValues(before, 'MQTT', { mqtt_host: 'c', mqtt_password: null, mqtt_port: '1' }),
    '; ours\n[MQTT]\nmqtt_host = c\nmqtt_port = 1\n\n[KIT]\nmqtt_host = theirs\n',
  );
});

test('a section that is missing is made, also in an empty file', () => {
  assert.equal(setIniValues('', 'MQTT', { mqtt_host: 'a' }), '[MQTT]\nmqtt_host = a\n');
  assert.equal(setIniValues('[KIT]\n', 'mqtt', { mqtt_host: 'a' }), '[KIT]\n\n[mqtt]\nmqtt_host = a\n');
  assert.equal(setIniValues('[KIT]\n', 'MQTT', { mqtt_host: null }), '[KIT]\n\n[MQTT]\n');
});

test('the shipped example takes them below its own lines, and can be loaded', (t) => {
  const after = setIniValues(kitExample(), 'MQTT', {
    mqtt_host: '127.0.0.1',
    mqtt_username: 'u',
    mqtt_password_file: null,
  });
  assert.match(after, /#mqtt_username =\nmqtt_username = u\n/);
  assert.equal(loadText(t, after).settings.MQTT.mqtt_username, 'u');
  const again = setIniValues(after, 'MQTT', { mqtt_username: null });
  assert.equal(again, setIniValues(kitExample(), 'MQTT', { mqtt_host: '127.0.0.1' }));
});

test('so are variables of the environment', () => {
  const after = setVariables(serverExample(), { SERVER_ID: 'main', MQTT_PASSWORD: null });
  assert.match(after, /\n#SERVER_ID=\nSERVER_ID=main\n/);
  assert.equal(setVariables(after, { SERVER_ID: null }), serverExample());
  assert.equal(setVariables('', { A: '1' }), 'A=1\n');
});
