// The passwords of compose.yaml: none has a default, none goes where it is not needed, and each service asks for those that
// it needs and no other.
import { deepEqual, doesNotMatch, equal, match, ok } from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite, type TestContext, test } from 'node:test';
import { parse } from 'yaml';
import { loadServerSettings } from '../../../src/settings/server-settings.js';
import { tempFolder } from '../../fixtures/temp-folder.js';
import { COMPOSE, ENV_EXAMPLE, type Env, loadCompose, ROOT, type Service } from './compose-file.js';

const TOKEN = { HTTP_TOKEN_FILE: './http-token' };
const PASSWORDS = [...ENV_EXAMPLE.matchAll(/^#?(\w*PASSWORD)=/gm)].map(([, name = '']) => name);

/** Of what a container is given; everything else is a secret, or has one in it. */
const HARMLESS = [
  /^(HTTP_HOST|HTTP_TOKEN_FILE|HTTP_TRUSTED_PROXIES|SERVER_ID|LOG_LEVEL)$/,
  /^MQTT_(INGEST_ENABLED|VERSION|BROKER_\w+|USERNAME|TLS_\w+|\w+_FILE|TOPIC_\w+)$/,
  /^(POSTGRES_DB|POSTGRES_INITDB_ARGS|TIMESCALEDB_TELEMETRY|GRAFANA_DB_NAME)$/,
  /^GF_(ANALYTICS|DASHBOARDS|NEWS|PLUGINS|USERS)_\w+$/,
  /^GF_SECURITY_(ADMIN_USER|DISABLE_GRAVATAR)$/,
];

interface Secret {
  readonly where: string;
  readonly value: string;
}

function secretsOf(services: Readonly<Record<string, Service>>): Secret[] {
  return Object.entries(services).flatMap(([service, { environment }]) =>
    Object.entries(environment)
      .filter(([name]) => !HARMLESS.some((pattern) => pattern.test(name)))
      .map(([name, value]) => {
        const [, inUrl] = /^\w+:\/\/\w+:([^@]*)@[\w:/]+$/.exec(value) ?? [];
        return { where: `${service} ${name}`, value: inUrl ?? value };
      }),
  );
}

suite('a password', () => {
  test('has no default: without .env every secret of every service is empty', () => {
    const { services } = loadCompose(TOKEN);
    // Whatever comes from there would not be looked at here.
    for (const [name, { env_file }] of Object.entries(services)) equal(env_file, undefined, name);
    const secrets = secretsOf(services);
    ok(secrets.length >= 11, `${secrets.length}`);
    deepEqual(
      secrets.filter(({ value }) => value !== ''),
      [],
    );
  });

  test('is all that a secret consists of, and stands nowhere else', () => {
    const marks = Object.fromEntries(PASSWORDS.map((name) => [name, `<${name}>`]));
    const { services, ...rest } = loadCompose({ ...TOKEN, ...marks });
    const used = secretsOf(services).map(({ where, value }) => {
      match(value, /^<\w+>$/, where);
      return value;
    });
    deepEqual([...new Set(used)].sort(), Object.values(marks).sort());
    const others = Object.values(services).map(({ environment, ...other }) => [
      other,
      Object.entries(environment).filter(([name]) => HARMLESS.some((pattern) => pattern.test(name))),
    ]);
    // In a command everybody who may list processes could read it.
    doesNotMatch(JSON.stringify([others, rest]), /<\w+>/);
  });

  test('that is written into the file would be seen', () => {
    const { services } = parse(COMPOSE, { merge: true }) as { services: Record<string, Service> };
    const given = (name: string, value: string): Secret[] =>
      secretsOf({ one: { ...(services['grafana'] as Service), environment: { [name]: value } } });
    deepEqual(given('GF_SECURITY_ADMIN_PASSWORD', 'admin'), [
      { where: 'one GF_SECURITY_ADMIN_PASSWORD', value: 'admin' },
    ]);
    equal(given('DATABASE_URL', 'postgres://u:changeme@h:5432/d')[0]?.value, 'changeme');
    equal(given('GF_SMTP_HOST', 'x').length, 1, 'what nobody has looked at counts as a secret');
  });
});

/** What each service can't do without, beside HTTP_TOKEN_FILE. */
const NEEDED: Readonly<Record<string, readonly string[]>> = {
  server: ['DB_PASSWORD'],
  mosquitto: ['MQTT_PASSWORD'],
  timescaledb: ['DB_ADMIN_PASSWORD', 'DB_PASSWORD', 'GRAFANA_DB_PASSWORD'],
  grafana: ['GRAFANA_DB_PASSWORD', 'GRAFANA_PASSWORD'],
  analytics: ['ANALYTICS_DB_PASSWORD'],
};

/** The images' own programs, each of which says only that it was started. */
const PROGRAMS = ['docker-entrypoint.sh', 'run.sh', 'mosquitto_passwd', 'mosquitto'];

interface Start {
  readonly ok: boolean;
  readonly said: string;
}

/** Starts it as its container would, with the image's programs replaced. */
function start(t: TestContext, name: string, env: Env): Start {
  const folder = tempFolder(t);
  const { entrypoint, environment } = loadCompose({ ...TOKEN, ...env }).services[name] as Service;
  if (entrypoint === undefined) return startServer(folder, environment);
  for (const program of PROGRAMS) {
    writeFileSync(join(folder, program), `#!/bin/sh\necho "${program} $*"\n`, { mode: 0o755 });
  }
  const [command = '', ...args] = entrypoint.map((part) =>
    part.replace('/etc/dragonsink', join(ROOT, 'config')).replace('exec /run.sh', 'exec run.sh'),
  );
  const { status, stdout, stderr } = spawnSync(command, args, {
    env: { ...environment, PATH: `${folder}:/usr/bin:/bin` },
    encoding: 'utf8',
  });
  return { ok: status === 0, said: stdout + stderr };
}

function startServer(folder: string, environment: Env): Start {
  const token = join(folder, 'token');
  writeFileSync(token, '0'.repeat(64), { mode: 0o600 });
  try {
    loadServerSettings({ ...environment, HTTP_TOKEN_FILE: token });
    return { ok: true, said: 'server' };
  } catch (error: unknown) {
    return { ok: false, said: String(error) };
  }
}

suite('a service', () => {
  for (const [name, needed] of Object.entries(NEEDED)) {
    const env = Object.fromEntries(needed.map((password) => [password, `of-${name}`]));

    test(`${name} starts when .env has ${needed.join(', ')}, and no other password`, (t) => {
      const { ok: started, said } = start(t, name, env);
      ok(started, said);
      match(said, /^(docker-entrypoint.sh postgres|run.sh |mosquitto -c \S+compose.conf|server)\s*$/m);
    });

    for (const missing of needed) {
      test(`${name} without ${missing} says so, and does nothing`, (t) => {
        const { ok: started, said } = start(t, name, { ...env, [missing]: '' });
        ok(!started, said);
        // The server sees only what it has become part of.
        const itself = new RegExp(`\\b${missing}:? is not set; .env.example says how to make .env$`, 'm');
        match(said, ['server', 'analytics'].includes(name) ? /DATABASE_URL: has nothing where/ : itself);
        doesNotMatch(said, /^(docker-entrypoint|run\.sh|mosquitto)/m);
      });
    }
  }

  test('is one of those that are tried here', () => {
    deepEqual(Object.keys(loadCompose(TOKEN).services).sort(), Object.keys(NEEDED).sort());
  });
});
