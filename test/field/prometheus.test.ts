// config/prometheus.yml and its alerts with Prometheus itself: whether it takes them, when each alert fires, and whether it
// reads a real server.
import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parse } from 'yaml';
import { freePort } from '../../src/simulate/ports.js';
import { startMosquitto } from '../fixtures/mosquitto.js';
import { eventually, runDragonsink } from '../fixtures/processes.js';
import { tempFolder } from '../fixtures/temp-folder.js';

const CONFIG = join(import.meta.dirname, '../../config');
const TESTS = join(import.meta.dirname, '../fixtures/alerts.yml');
const TOKEN = 'a-token-of-this-test';

interface Rule {
  readonly alert: string;
}

/** Its output; fails when it does. */
function promtool(...args: string[]): string {
  const { status, stdout, stderr } = spawnSync('promtool', args, { encoding: 'utf8' });
  equal(status, 0, stdout + stderr);
  return stdout + stderr;
}

function alertNames(): string[] {
  const { groups } = parse(readFileSync(join(CONFIG, 'prometheus-alerts.yml'), 'utf8')) as {
    groups: { rules: Rule[] }[];
  };
  return groups.flatMap(({ rules }) => rules.map(({ alert }) => alert)).sort();
}

test('promtool takes the alerts, and the example as it is and with its token', (t) => {
  match(
    promtool('check', 'rules', join(CONFIG, 'prometheus-alerts.yml')),
    new RegExp(`${alertNames().length} rules found`),
  );
  match(promtool('check', 'config', join(CONFIG, 'prometheus.yml')), /SUCCESS/);
  const folder = tempFolder(t);
  copyFileSync(join(CONFIG, 'prometheus-alerts.yml'), join(folder, 'prometheus-alerts.yml'));
  writeFileSync(join(folder, 'prometheus.yml'), withToken(folder));
  match(promtool('check', 'config', join(folder, 'prometheus.yml')), /SUCCESS/);
});

/** The example with the two lines of the token, which lies in `folder`. */
function withToken(folder: string): string {
  const file = join(folder, 'token');
  writeFileSync(file, TOKEN);
  const text = readFileSync(join(CONFIG, 'prometheus.yml'), 'utf8')
    .replaceAll(/^( +)#/gm, '$1')
    .replace('/etc/prometheus/dragonsink-token', file);
  match(text, new RegExp(`^ {4}authorization:\n {6}credentials_file: ${file}$`, 'm'));
  return text;
}

test('each alert fires when it should, says what it should, and not before', () => {
  match(promtool('test', 'rules', TESTS), /SUCCESS/);
  const { tests } = parse(readFileSync(TESTS, 'utf8')) as {
    tests: { alert_rule_test: { alertname: string; exp_alerts?: object[] }[] }[];
  };
  const tried = tests.flatMap(({ alert_rule_test }) => alert_rule_test);
  for (const fires of [true, false]) {
    const names = tried
      .filter(({ exp_alerts = [] }) => exp_alerts.length > 0 === fires)
      .map(({ alertname }) => alertname);
    deepEqual([...new Set(names)].sort(), alertNames(), fires ? 'fires' : 'does not');
  }
});

interface Health {
  readonly targets: readonly { readonly health: string; readonly lastError: string }[];
  readonly rules: readonly {
    readonly name: string;
    readonly health: string;
    readonly lastError?: string;
    readonly state: string;
  }[];
}

test('Prometheus reads a real server, with its token, and every alert can be evaluated', async (t) => {
  const folder = tempFolder(t);
  const broker = await startMosquitto({}, t);
  const [httpPort, port] = [await freePort(), await freePort()];
  const token = join(folder, 'http-token');
  writeFileSync(token, TOKEN, { mode: 0o600 });
  runDragonsink(t, ['server'], {
    DATABASE_URL: `sqlite:${join(folder, 'server.db')}`,
    MQTT_BROKER_PORT: String(broker.port),
    // On loopback nobody would be asked for it.
    HTTP_HOST: '0.0.0.0',
    HTTP_PORT: String(httpPort),
    HTTP_TOKEN_FILE: token,
  });
  copyFileSync(join(CONFIG, 'prometheus-alerts.yml'), join(folder, 'prometheus-alerts.yml'));
  const example = withToken(folder).replace('127.0.0.1:8095', `127.0.0.1:${httpPort}`).replace('15s', '1s');
  writeFileSync(join(folder, 'prometheus.yml'), `global: { evaluation_interval: 1s }\n${example}`);
  const args = [
    `--config.file=${join(folder, 'prometheus.yml')}`,
    `--storage.tsdb.path=${join(folder, 'data')}`,
    `--web.listen-address=127.0.0.1:${port}`,
    '--log.level=warn',
  ];
  const prometheus = spawn('prometheus', args, { stdio: ['ignore', 'ignore', 'inherit'] });
  const ended = new Promise((resolve) => prometheus.once('exit', resolve));
  t.after(async () => {
    prometheus.kill('SIGTERM');
    await ended;
  });
  const ask = async (path: string): Promise<{ data: Record<string, unknown> }> =>
    (await (await fetch(`http://127.0.0.1:${port}/api/v1/${path}`)).json()) as { data: Record<string, unknown> };
  const health = async (): Promise<Health | null> => {
    const answers = await Promise.all([ask('targets'), ask('rules')]).catch(() => null);
    if (answers === null) return null;
    const [targets, rules] = answers;
    return {
      targets: targets.data['activeTargets'] as Health['targets'],
      rules: (rules.data['groups'] as { rules: Health['rules'] }[]).flatMap((group) => group.rules),
    };
  };
  const known = await eventually('its first rounds', async () => {
    const found = await health();
    if (found === null || found.targets.length === 0 || found.rules.length === 0) return null;
    return [...found.targets, ...found.rules].every((one) => one.health !== 'unknown') && found;
  });
  deepEqual(
    known.targets.map(({ health: state, lastError }) => [state, lastError]),
    [['up', '']],
  );
  deepEqual(known.rules.map(({ name }) => name).sort(), alertNames());
  deepEqual(
    known.rules.filter(({ health: state }) => state !== 'ok'),
    [],
  );
  const { data } = await ask('query?query=count({__name__=~"dragonsink_.*"})');
  ok(Number((data['result'] as { value: [number, string] }[])[0]?.value[1]) > 50);
  await broker.kill();
  await eventually('its word of the broker', async () => {
    const alert = (await health())?.rules.find(({ name }) => name === 'DragonsinkBrokerDisconnected');
    return alert?.state === 'pending';
  });
});
