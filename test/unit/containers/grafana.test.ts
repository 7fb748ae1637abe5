// What Grafana is provisioned with (config/grafana): in the form that it takes, and found where it looks, in compose.yaml and
// in a WarDragon Analytics.
import { deepEqual, equal, match, ok, throws } from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { parse } from 'yaml';
import { readBoards } from '../../fixtures/boards.js';
import { tempFolder } from '../../fixtures/temp-folder.js';
import { type Env, interpolate, loadCompose, makeEnv, ROOT } from './compose-file.js';

const GRAFANA = join(ROOT, 'config/grafana');
const DATASOURCE = 'provisioning/datasources/dragonsink.yaml';

interface Source {
  readonly name: string;
  readonly uid: string;
  readonly type: string;
  readonly url: string;
  readonly user: string;
  readonly isDefault?: boolean;
  readonly secureJsonData: { readonly password: string };
  readonly jsonData: Readonly<Record<string, unknown>> & { readonly database: string };
}

const read = (path: string): unknown => parse(readFileSync(path, 'utf8'));
const sourcesOf = (path: string): Source[] => (read(path) as { datasources: Source[] }).datasources;
const [SOURCE] = sourcesOf(join(GRAFANA, DATASOURCE));
const { providers: PROVIDERS } = read(join(GRAFANA, 'provisioning/dashboards/dragonsink.yaml')) as {
  providers: { options: { path: string } }[];
};

/** Grafana's own way with `$NAME` in these files: what the environment has, else nothing. */
const given = (text: string, env: Env): string => text.replace(/\$(\w+)/g, (_, name: string) => env[name] ?? '');

// Grafana pkg/services/provisioning, datasources/types.go and dashboards/types.go, and the plugin's own settings. What it does
// not know it passes over without a word.
test('every key in the provisioning files is one that Grafana reads', () => {
  const known = {
    file: ['apiVersion', 'datasources', 'providers'],
    source: ['name', 'uid', 'type', 'access', 'url', 'user', 'isDefault', 'editable', 'secureJsonData', 'jsonData'],
    settings: ['database', 'sslmode', 'postgresVersion', 'timescaledb', 'maxOpenConns', 'maxIdleConns', 'timeInterval'],
    provider: ['name', 'folder', 'type', 'disableDeletion', 'allowUiUpdates', 'updateIntervalSeconds', 'options'],
  };
  const assertKnown = (part: object | undefined, keys: string[]): void =>
    deepEqual(
      Object.keys(part ?? {}).filter((key) => !keys.includes(key)),
      [],
    );
  assertKnown(read(join(GRAFANA, DATASOURCE)) as object, known.file);
  assertKnown(SOURCE, known.source);
  assertKnown(SOURCE?.jsonData, known.settings);
  deepEqual(Object.keys(SOURCE?.secureJsonData ?? {}), ['password']);
  for (const provider of PROVIDERS) {
    assertKnown(provider, known.provider);
    deepEqual(Object.keys(provider.options), ['path']);
  }
  // Its id since 10.2.3; Analytics has 10.4.1.
  equal(SOURCE?.type, 'grafana-postgresql-datasource');
  match(SOURCE?.uid ?? '', /^[\w-]{1,40}$/);
});

test('the boards have what every Grafana since that of Analytics reads', () => {
  const boards = readBoards();
  equal(new Set(boards.map(({ uid }) => uid)).size, boards.length);
  for (const { uid, title, schemaVersion, templating, panels } of boards) {
    match(uid, /^[\w-]{1,40}$/);
    // That of 10.4; a newer Grafana brings an older board up to date, not the other way round.
    equal(schemaVersion, 39, title);
    const variables = templating.list.map(({ name }) => name);
    deepEqual(variables, ['kit']);
    for (const panel of panels) {
      for (const { refId, rawSql } of panel.targets) {
        match(refId, /^[A-Z]$/);
        for (const [, name = ''] of rawSql.matchAll(/\$(?!__)(\w+)/g))
          ok(variables.includes(name), `${title}: $${name}`);
        for (const [, name = ''] of rawSql.matchAll(/\$__(\w+)/g)) {
          ok(['timeFilter', 'timeFrom', 'timeTo', 'interval'].includes(name), `${title}: $__${name}`);
        }
      }
    }
    // They read the one data source that is provisioned, and of its kind.
    const sources = [...templating.list, ...panels, ...panels.flatMap(({ targets }) => targets)];
    for (const { datasource } of sources) deepEqual(datasource, { type: SOURCE?.type, uid: SOURCE?.uid }, title);
  }
});

test('Grafana finds its database and its boards where compose.yaml mounts them', (t) => {
  const { grafana, timescaledb } = loadCompose(makeEnv(t)).services;
  const env = grafana?.environment ?? {};
  equal(SOURCE?.url, 'timescaledb:5432');
  equal(given(SOURCE?.jsonData.database ?? '', env), timescaledb?.environment['POSTGRES_DB']);
  equal(given(SOURCE?.secureJsonData.password ?? '', env), timescaledb?.environment['GRAFANA_DB_PASSWORD']);
  ok(grafana?.volumes?.includes('./config/grafana/provisioning:/etc/grafana/provisioning:ro'));
  const boards = `./config/grafana/dashboards:${PROVIDERS[0]?.options.path}:ro`;
  ok(grafana?.volumes?.includes(boards), boards);
  equal(dirname(env['GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH'] ?? ''), PROVIDERS[0]?.options.path);
});

/** A folder as Analytics' own, as far as its Grafana reads it (docker-compose.yml, service grafana; grafana/datasources). */
function analyticsFolder(folder: string): void {
  for (const name of ['datasources', 'dashboards-json']) mkdirSync(join(folder, 'grafana', name), { recursive: true });
  const theirs = {
    apiVersion: 1,
    datasources: [
      { name: 'TimescaleDB', type: 'postgres', url: 'timescaledb:5432', user: 'wardragon', isDefault: true },
    ],
  };
  writeFileSync(join(folder, 'grafana/datasources/timescaledb.yaml'), JSON.stringify(theirs));
}

const ANALYTICS = readFileSync(join(GRAFANA, 'analytics.yaml'), 'utf8');
/** The commands that its comment names, of those that need no Docker. */
const COPYING = [...ANALYTICS.matchAll(/^# {3}((?:cp|mkdir) .*)$/gm)].map(([, command]) => command);

test('in Analytics the boards and their data source are put where its Grafana looks, as often as one likes', (t) => {
  const folder = tempFolder(t);
  analyticsFolder(folder);
  const env = { PATH: '/usr/bin:/bin', DRAGONSINK: ROOT };
  equal(COPYING.length, 4);
  for (let times = 0; times < 2; times += 1) execFileSync('sh', ['-euc', COPYING.join('\n')], { cwd: folder, env });
  deepEqual(
    readdirSync(join(folder, 'grafana/dashboards-json/dragonsink')).sort(),
    readdirSync(join(GRAFANA, 'dashboards')).sort(),
  );
  const sources = readdirSync(join(folder, 'grafana/datasources')).flatMap((name) =>
    sourcesOf(join(folder, 'grafana/datasources', name)),
  );
  equal(new Set(sources.map(({ name }) => name)).size, 2);
  // A Grafana that finds two of them does not start.
  equal(sources.filter(({ isDefault }) => isDefault).length, 1);
  equal(readFileSync(join(folder, 'docker-compose.override.yml'), 'utf8'), ANALYTICS);
});

test('in Analytics they read the database that the profile analytics writes to, as a role that only reads', (t) => {
  const override = parse(ANALYTICS) as object;
  throws(() => interpolate(override, {}), /^Error: GRAFANA_DB_PASSWORD is not set/);
  const { services } = interpolate(override, { GRAFANA_DB_PASSWORD: 'a-new-one' }) as {
    services: { grafana: { environment: Env } };
  };
  deepEqual(Object.keys(services), ['grafana']);
  const { environment } = services.grafana;
  const { hostname, port, pathname } = new URL(
    loadCompose(makeEnv(t)).services['analytics']?.environment['DATABASE_URL'] ?? '',
  );
  equal(SOURCE?.url, `${hostname}:${port}`);
  equal(`/${given(SOURCE?.jsonData.database ?? '', environment)}`, pathname);
  equal(given(SOURCE?.secureJsonData.password ?? '', environment), 'a-new-one');
  equal(SOURCE?.user, 'dragonsink_grafana');
  match(ANALYTICS, /psql -U wardragon .* <"\$DRAGONSINK\/config\/grafana\/reader\.sql"$/m);
});
