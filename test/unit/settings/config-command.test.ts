// The `config` command: check, show and example, as their user calls them.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { configCheck, configExample, configShow } from '../../../src/cli/config.js';
import { kitExample } from '../../../src/settings/example-file.js';
import { writeConfig } from './kit-files.js';

const SECRET = 'pl4nted-s3cret';

interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command with these variables and catches what it prints. */
async function run(t: TestContext, command: () => Promise<number>, env: NodeJS.ProcessEnv = {}): Promise<Outcome> {
  const before = { ...process.env };
  Object.assign(process.env, env);
  const out = t.mock.method(process.stdout, 'write', () => true);
  const err = t.mock.method(process.stderr, 'write', () => true);
  const textOf = (mock: typeof out): string => mock.mock.calls.map((call) => String(call.arguments[0])).join('');
  try {
    const code = await command();
    return { code, stdout: textOf(out), stderr: textOf(err) };
  } finally {
    out.mock.restore();
    err.mock.restore();
    for (const key of Object.keys(env)) delete process.env[key];
    Object.assign(process.env, before);
  }
}

test('check says ok, with warnings beside it', async (t) => {
  const config = writeConfig(t, '[MQTT]\nmqtt_hots = x\nmqtt_host = ::1\n');
  assert.deepEqual(await run(t, () => configCheck({ config })), {
    code: 0,
    stdout: `${config}: ok\n`,
    stderr: `warning: ${config}:2 MQTT.mqtt_hots: Unknown key mqtt_hots: did you mean mqtt_host?\n`,
  });
});

test('check and show end with 78 and every problem on standard error', async (t) => {
  const config = writeConfig(t, '[MQTT]\nmqtt_port = x\nmqtt_qos = 3\n');
  for (const command of [configCheck, configShow]) {
    const { code, stdout, stderr } = await run(t, () => command({ config }));
    assert.equal(code, 78);
    assert.equal(stdout, '');
    assert.match(stderr, /config\.ini:2 MQTT\.mqtt_port: .*\n.*config\.ini:3 MQTT\.mqtt_qos: .*\nwhat to do: /);
  }
});

test('show prints every value and where it comes from', async (t) => {
  const config = writeConfig(t, '[MQTT]\nmqtt_host = ::1\n[DRAGONSYNC]\nlocal_mqtt_port = 1\n');
  const { code, stdout } = await run(t, () => configShow({ config }));
  assert.equal(code, 0);
  assert.ok(stdout.includes(`(${config}:2)`));
  assert.match(stdout, /^mqtt_port = 1883 +\(default\)$/m);
  assert.match(stdout, /^local_mqtt_port = 1 +\(.*:4\)$/m);
  assert.match(stdout, /^\[KIT\]$/m);
});

test('show --json is one object', async (t) => {
  const config = writeConfig(t, '[MQTT]\nmqtt_host = ::1\n');
  const { stdout } = await run(t, () => configShow({ config, json: true }));
  const shown = JSON.parse(stdout);
  assert.equal(shown.config, config);
  assert.deepEqual(shown.settings.MQTT.mqtt_host, { value: '::1', from: `${config}:2` });
  assert.deepEqual(shown.settings.SPOOL.max_mb, { value: 2048, from: 'default' });
  assert.deepEqual(shown.warnings, []);
});

test('show --server shows the environment', async (t) => {
  const command = () => configShow({ config: '', server: true, json: true });
  const { code, stdout } = await run(t, command, { MQTT_BROKER_PORT: '1884' });
  assert.equal(code, 0);
  assert.deepEqual(JSON.parse(stdout).settings.MQTT_BROKER_PORT, { value: 1884, from: 'env' });
  assert.equal((await run(t, () => configCheck({ config: '', server: true }))).stdout, 'environment: ok\n');
});

test('example prints the example', async (t) => {
  assert.equal((await run(t, () => configExample({}))).stdout, kitExample());
  assert.match((await run(t, () => configExample({ server: true }))).stdout, /^#DATABASE_URL=/m);
});

test('a secret is in no output, whatever is right or wrong around it', async (t) => {
  const kits = [
    `[MQTT]\nmqtt_host = ::1\nmqtt_password = ${SECRET}\n`,
    `[MQTT]\nmqtt_host = ::1\nmqtt_password = ${SECRET} # ${SECRET}\nmqtt_port = x\n`,
    `[MQTT]\nmqtt_host = ::1\nmqtt_passwrd = ${SECRET}\nmqtt_password: ${SECRET}\n`,
    `[MQTT]\nmqtt_host = ::1\nmqtt_password = ${SECRET}\nmqtt_password = ${SECRET}2\nmqtt_password_file = /no/such\n`,
    `[MQTT]\nmqtt_host = u:${SECRET}@broker\nmqtt_password = ${SECRET}\n[SETTINGS]\n`,
    `[MQTT]\nmqtt_host = ::1\nmqtt_password = ${SECRET}\u0007\n[DRAGONSYNC]\napi_url = http://u:${SECRET}@h\n`,
    `[MQTT]\nmqtt_host = mqtt://u:${SECRET}@broker:1883\nmqtt_version = 3.1.1\nmqtt_password = ${SECRET}\n`,
    `mqtt_password = ${SECRET}\n[MQTT ${SECRET}\n`,
  ];
  const servers: NodeJS.ProcessEnv[] = [
    {
      DATABASE_URL: `postgres://u:${SECRET}@h/d`,
      MQTT_PASSWORD: SECRET,
      DATABASE_MAINTAIN_URL: `postgres://u:${SECRET}@h/d`,
    },
    { DATABASE_URL: `postgres://u:${SECRET}#${SECRET}@h/d`, MQTT_BROKER_PORT: 'x' },
    { DATABASE_URL: `postgres://u/x:${SECRET}@h/d`, MQTT_PASSWORT: SECRET },
    { DATABASE_URL: `postgres://h/d?password=${SECRET}`, MQTT_BROKER_HOST: `u:${SECRET}@h` },
    { DATABASE_URL: `mysql://u:${SECRET}@h/d` },
  ];
  const outcomes: Outcome[] = [];
  for (const content of kits) {
    const config = writeConfig(t, content, 0o644);
    for (const json of [false, true]) outcomes.push(await run(t, () => configShow({ config, json })));
    outcomes.push(await run(t, () => configCheck({ config })));
  }
  for (const env of servers) {
    for (const json of [false, true])
      outcomes.push(await run(t, () => configShow({ config: '', server: true, json }), env));
    outcomes.push(await run(t, () => configCheck({ config: '', server: true }), env));
  }
  for (const { stdout, stderr } of outcomes) assert.ok(!`${stdout}${stderr}`.includes(SECRET), `${stdout}${stderr}`);
  assert.ok(outcomes.some(({ code, stdout }) => code === 0 && stdout.includes('********')));
  assert.ok(outcomes.some(({ code }) => code === 78));
});
