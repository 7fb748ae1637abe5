// compose.yaml as Docker Compose itself reads it, which takes no Docker: what each profile starts and demands, and that it is
// what the other tests take it for.
import { deepEqual, equal, match } from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite, type TestContext, test } from 'node:test';
import { tempFolder } from '../fixtures/temp-folder.js';
import { type Env, loadCompose, makeEnv, ROOT, type Service } from '../unit/containers/compose-file.js';

/** Where test/tools/compose.mjs has put it. */
const PROGRAM = join(ROOT, 'node_modules/.cache/compose/usr/libexec/docker/cli-plugins/docker-compose');
const SERVICES = {
  mqtt: ['grafana', 'mosquitto', 'server', 'timescaledb'],
  server: ['grafana', 'server', 'timescaledb'],
  analytics: ['analytics'],
};

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** `docker compose ... config` in that folder, with that `.env`. */
function config(t: TestContext, folder: string, env: Env, ...args: string[]): Ended {
  const file = join(tempFolder(t), 'env');
  const lines = Object.entries(env).map(([name, value]) => `${name}=${value}\n`);
  writeFileSync(file, lines.join(''));
  const { status, stdout, stderr } = spawnSync(PROGRAM, ['--env-file', file, ...args], {
    cwd: folder,
    env: { PATH: '/usr/bin:/bin', HOME: folder },
    encoding: 'utf8',
  });
  return { code: status, out: stdout, err: stderr };
}

suite('Docker Compose', {
  skip: existsSync(PROGRAM) ? false : 'NOT TRIED HERE: it takes docker-compose of Debian',
}, () => {
  for (const [profile, services] of Object.entries(SERVICES)) {
    test(`starts with the profile ${profile} what belongs to it, and gives it what the other tests take it to give`, (t) => {
      const env = { ...makeEnv(t), ANALYTICS_DB_PASSWORD: 'theirs' };
      const { code, out, err } = config(t, ROOT, env, '--profile', profile, 'config', '--format', 'json');
      deepEqual([code, err], [0, '']);
      const read = JSON.parse(out) as { services: Record<string, Service> };
      deepEqual(Object.keys(read.services).sort(), services);
      const ours = loadCompose(env).services;
      for (const [name, { environment, entrypoint, healthcheck }] of Object.entries(read.services)) {
        deepEqual(environment, ours[name]?.environment, name);
        // It writes what it would read again.
        const escaped = JSON.stringify([ours[name]?.entrypoint ?? null, ours[name]?.healthcheck?.test]).replaceAll(
          '$',
          '$$$$',
        );
        equal(JSON.stringify([entrypoint, healthcheck?.test]), escaped, name);
      }
    });

    test(`demands nothing for the profile ${profile} but the token's file, and says so`, (t) => {
      const token = { HTTP_TOKEN_FILE: './http-token' };
      const { code, err } = config(t, ROOT, token, '--profile', profile, 'config', '--quiet');
      deepEqual([code, err], [0, '']);
      const without = config(t, ROOT, {}, '--profile', profile, 'config', '--quiet');
      equal(without.code === 0, false);
      match(without.err, /variable HTTP_TOKEN_FILE is missing a value: is not set; .env.example says how to make .env/);
    });
  }

  test('adds to the Grafana of Analytics what our boards need, and takes nothing of it away', (t) => {
    const folder = tempFolder(t);
    const theirs = {
      image: 'grafana/grafana:10.4.1',
      environment: { DB_PASSWORD: 'theirs' },
      volumes: ['./grafana/datasources:/etc/grafana/provisioning/datasources:ro'],
    };
    writeFileSync(join(folder, 'docker-compose.yml'), JSON.stringify({ services: { grafana: theirs } }));
    copyFileSync(join(ROOT, 'config/grafana/analytics.yaml'), join(folder, 'docker-compose.override.yml'));
    const { code, out, err } = config(t, folder, { GRAFANA_DB_PASSWORD: 'new' }, 'config', '--format', 'json');
    deepEqual([code, err], [0, '']);
    const { grafana } = (JSON.parse(out) as { services: Record<string, Service> }).services;
    deepEqual(grafana?.environment, {
      DB_PASSWORD: 'theirs',
      GRAFANA_DB_NAME: 'wardragon',
      GRAFANA_DB_PASSWORD: 'new',
    });
    equal(grafana?.volumes?.length, 1);
  });
});
