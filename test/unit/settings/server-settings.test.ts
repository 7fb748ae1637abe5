// The server's settings from the environment: checks, secrets in files, warnings.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { networksOf } from '../../../src/settings/hosts.js';
import { tempFolder } from '../../fixtures/temp-folder.js';
import { errorsOf, loadEnv, warningsOf } from './kit-files.js';

test('an empty environment is a server on SQLite with a broker on this machine', () => {
  const { settings, warnings } = loadEnv({ MQTT_BROKER_PORT: '', PATH: '/bin' });
  assert.deepEqual(warnings, []);
  assert.equal(settings.DATABASE_URL, 'sqlite:/var/lib/dragonsink/server.db');
  assert.equal(settings.MQTT_BROKER_PORT, 1883);
  assert.equal(settings.MQTT_AUTH_ENABLED, false);
  assert.equal(settings.SERVER_ID, hostname());
  assert.equal(settings.LOG_LEVEL, 'info');
  assert.ok(Object.isFrozen(settings));
});

test("the guide's .env loads as it stands", () => {
  const { settings, warnings } = loadEnv({
    DATABASE_URL: 'postgresql://wardragon:wardragon@localhost:5432/wardragon',
    MQTT_INGEST_ENABLED: 'true',
    MQTT_BROKER_HOST: 'localhost',
    MQTT_BROKER_PORT: '1883',
    MQTT_AUTH_ENABLED: 'true',
    MQTT_USERNAME: 'wardragon',
    MQTT_PASSWORD: 'a # b',
    MQTT_TLS_ENABLED: 'false',
    MQTT_TOPIC_DRONES: 'wardragon/drones',
    MQTT_TOPIC_DRONE_PREFIX: 'wardragon/drone/',
    MQTT_TOPIC_AIRCRAFT: 'wardragon/aircraft',
    MQTT_TOPIC_SIGNALS: 'wardragon/signals',
    MQTT_TOPIC_SYSTEM: 'wardragon/system',
    LOG_LEVEL: 'INFO',
  });
  assert.deepEqual(warnings, []);
  assert.equal(settings.MQTT_TOPIC_DRONE_PREFIX, 'wardragon/drone');
  assert.equal(settings.MQTT_PASSWORD, 'a # b');
});

test('a user name implies the login, and an explicit false overrules it', () => {
  assert.equal(loadEnv({ MQTT_USERNAME: 'x' }).settings.MQTT_AUTH_ENABLED, true);
  const off = loadEnv({ MQTT_USERNAME: 'x', MQTT_AUTH_ENABLED: 'false' });
  assert.equal(off.settings.MQTT_AUTH_ENABLED, false);
  assert.match(warningsOf(off).join(), /MQTT_USERNAME: has no effect with MQTT_AUTH_ENABLED=false/);
  assert.match(errorsOf(() => loadEnv({ MQTT_AUTH_ENABLED: 'true' }))[0] ?? '', /is true without MQTT_USERNAME/);
});

test('MQTT_USE_TLS is another name of MQTT_TLS_ENABLED', () => {
  assert.equal(loadEnv({ MQTT_USE_TLS: 'true' }).settings.MQTT_TLS_ENABLED, true);
  assert.equal(loadEnv({ MQTT_USE_TLS: 'true', MQTT_TLS_ENABLED: 'true' }).settings.MQTT_TLS_ENABLED, true);
  assert.deepEqual(
    errorsOf(() => loadEnv({ MQTT_USE_TLS: 'true', MQTT_TLS_ENABLED: 'false' })),
    ['env MQTT_USE_TLS: is set differently from MQTT_TLS_ENABLED, which is the same, expected one of the two'],
  );
  assert.match(
    warningsOf(loadEnv({ MQTT_USE_TLS: 'true', MQTT_BROKER_PORT: '8884' })).join(),
    /MQTT_TLS_PORT \(8883\) is used/,
  );
});

test('an unencrypted way to another machine is a warning', () => {
  const [warning] = warningsOf(loadEnv({ MQTT_BROKER_HOST: 'mosquitto' }));
  assert.match(warning ?? '', /MQTT_BROKER_HOST: the way to mosquitto is not encrypted/);
});

test('of unknown variables only the nearly right ones of MQTT are warned about', () => {
  const env = {
    MQTT_BROKER_HOTS: 'x',
    MQTT_USER_NAME: 'x',
    MQTT_SOMETHING: 'x',
    MQTTX: 'x',
    SERVER_IDD: 'x',
    HOME: '/',
  };
  assert.deepEqual(warningsOf(loadEnv(env)), [
    'env MQTT_BROKER_HOTS: Unknown variable MQTT_BROKER_HOTS: did you mean MQTT_BROKER_HOST?',
    'env MQTT_USER_NAME: Unknown variable MQTT_USER_NAME: did you mean MQTT_USERNAME?',
  ]);
});

test('a database is a file of SQLite or a URL of PostgreSQL, and its password is in no error', () => {
  for (const url of [
    'sqlite:/a/b.db',
    'sqlite:///a/b.db',
    'sqlite:b.db',
    'postgres://u:p@h/d',
    'postgresql://h:5432/d?sslmode=require',
  ]) {
    assert.equal(loadEnv({ DATABASE_URL: url }).settings.DATABASE_URL, url);
  }
  const wrong = [
    'mysql://u:hunter2@h/d',
    'sqlite:',
    'sqlite::memory:',
    'hunter2',
    'postgres://u:hunter2#x@h/d',
    'postgres://u:1/hunter2@h/d',
    'postgres://u:@h/d',
    'postgresql+asyncpg://u:hunter2@h/d',
  ];
  for (const url of wrong) {
    const [error] = errorsOf(() => loadEnv({ DATABASE_URL: url }));
    assert.match(error ?? '', /^env DATABASE_URL: .*, expected sqlite:\/path/, url);
    assert.ok(!error?.includes('hunter2'), error);
  }
});

test('the owner of the tables is of a PostgreSQL, and needless with SQLite', () => {
  const owner = 'postgres://owner:hunter2@h/d';
  const both = loadEnv({ DATABASE_URL: 'postgres://u@h/d', DATABASE_MAINTAIN_URL: owner });
  assert.deepEqual([both.settings.DATABASE_MAINTAIN_URL, both.warnings], [owner, []]);
  const [error] = errorsOf(() => loadEnv({ DATABASE_URL: 'postgres://u@h/d', DATABASE_MAINTAIN_URL: 'sqlite:/a.db' }));
  assert.match(error ?? '', /^env DATABASE_MAINTAIN_URL: .*, expected postgres:/);
  const [warning, ...more] = warningsOf(loadEnv({ DATABASE_MAINTAIN_URL: owner }));
  assert.match(warning ?? '', /DATABASE_MAINTAIN_URL: has no effect with SQLite/);
  assert.deepEqual(more, []);
});

test('secrets can come from files', (t) => {
  const file = join(tempFolder(t), 'secret');
  writeFileSync(file, 'postgres://u:hunter2@h/d\n', { mode: 0o600 });
  const { settings, origins } = loadEnv({
    DATABASE_URL_FILE: file,
    DATABASE_MAINTAIN_URL_FILE: file,
    MQTT_PASSWORD_FILE: file,
    MQTT_USERNAME: 'x',
  });
  assert.equal(settings.DATABASE_URL, 'postgres://u:hunter2@h/d');
  assert.equal(settings.DATABASE_MAINTAIN_URL, 'postgres://u:hunter2@h/d');
  assert.equal(settings.MQTT_PASSWORD, 'postgres://u:hunter2@h/d');
  assert.equal(origins.get('DATABASE_URL'), file);
  const both = errorsOf(() => loadEnv({ MQTT_PASSWORD_FILE: file, MQTT_PASSWORD: 'y' }));
  assert.match(both[0] ?? '', /MQTT_PASSWORD_FILE: is set together with MQTT_PASSWORD/);
});

test('a share is of MQTT 5, and its name is one topic level', () => {
  assert.equal(loadEnv({ MQTT_SHARE_GROUP: 'dragonsink' }).settings.MQTT_SHARE_GROUP, 'dragonsink');
  const old = errorsOf(() => loadEnv({ MQTT_SHARE_GROUP: 'dragonsink', MQTT_VERSION: '3.1.1' }));
  assert.match(old[0] ?? '', /MQTT_SHARE_GROUP: needs MQTT 5, and MQTT_VERSION is 3\.1\.1/);
  for (const name of ['a/b', '+', '#']) {
    assert.match(errorsOf(() => loadEnv({ MQTT_SHARE_GROUP: name }))[0] ?? '', /can't be the name of a group/);
  }
});

test('several problems are told together', () => {
  const env = {
    MQTT_BROKER_PORT: '70000',
    MQTT_TLS_ENABLED: 'maybe',
    SERVER_ID: 'a b',
    MQTT_TOPIC_DRONES: 'x',
    MQTT_TOPIC_SIGNALS: 'x',
  };
  assert.equal(errorsOf(() => loadEnv(env)).length, 4);
});

test('an address that others reach takes a token to log in with', () => {
  const [problem = ''] = errorsOf(() => loadEnv({ HTTP_HOST: '0.0.0.0' }));
  assert.match(problem, /HTTP_HOST.*no token to log in with.*HTTP_TOKEN_FILE/s);
  const token = 'x'.repeat(32);
  for (const env of [{ HTTP_HOST: '::1' }, { HTTP_HOST: 'localhost' }, { HTTP_HOST: '0.0.0.0', HTTP_PORT: '0' }]) {
    assert.deepEqual(loadEnv(env).warnings, []);
  }
  assert.equal(loadEnv({ HTTP_HOST: '0.0.0.0', HTTP_TOKEN: token }).settings.HTTP_TOKEN, token);
  // What is wrong with the token is enough to be told.
  for (const wrong of ['tiny!', `${'x'.repeat(20)} y`]) {
    const problems = errorsOf(() => loadEnv({ HTTP_HOST: '0.0.0.0', HTTP_TOKEN: wrong }));
    assert.equal(problems.length, 1);
    assert.ok(!problems[0]?.includes(wrong), problems[0]);
  }
  assert.equal(errorsOf(() => loadEnv({ HTTP_HOST: '0.0.0.0', HTTP_TOKEN_FILE: '/nowhere/token' })).length, 1);
});

test('proxies are addresses and networks of them', () => {
  const list = '127.0.0.1, 10.1.0.0/16,fd00::/8';
  assert.equal(loadEnv({ HTTP_TRUSTED_PROXIES: list }).settings.HTTP_TRUSTED_PROXIES, list);
  const isProxy = networksOf(list) ?? assert.fail('a list');
  for (const address of ['127.0.0.1', '::ffff:127.0.0.1', '10.1.2.3', 'fd12::1']) assert.ok(isProxy(address), address);
  for (const address of ['127.0.0.2', '10.2.0.1', 'fe80::1', '', 'proxy']) assert.ok(!isProxy(address), address);
  assert.equal(networksOf('')?.('127.0.0.1'), false);
  for (const wrong of ['proxy.example', '10.0.0.0/33', '10.0.0', '::1/129', '127.0.0.1 10.0.0.1']) {
    assert.equal(errorsOf(() => loadEnv({ HTTP_TRUSTED_PROXIES: wrong })).length, 1, wrong);
  }
});

test('tiles of a map are named by zoom, column and row, and by nothing that ends a header', () => {
  const url = 'https://{s}.tiles.example.org/{z}/{x}/{y}.png';
  assert.equal(loadEnv({ MAP_TILE_URL: url }).settings.MAP_TILE_URL, url);
  for (const wrong of [
    'https://a/{z}/{x}.png',
    'ftp://a/{z}/{x}/{y}',
    "https://a;script-src 'unsafe-inline'/{z}/{x}/{y}",
  ]) {
    assert.equal(errorsOf(() => loadEnv({ MAP_TILE_URL: wrong })).length, 1, wrong);
  }
});
