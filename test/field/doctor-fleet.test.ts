// `dragonsink doctor` and `dragonsink watch` in an enrolled fleet, with the brokers' configurations that we ship.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import type { Check } from '../../src/base/check.js';
import { freePort } from '../../src/simulate/ports.js';
import { assertCheck } from '../fixtures/assert-check.js';
import { type Enrolled, type Kind, startFleet } from '../fixtures/fleet.js';
import { Heard } from '../fixtures/heard.js';
import { eventually, kitFiles, runDragonsink } from '../fixtures/processes.js';
import { dragonsink, dragonsinkWith } from '../fixtures/run-command.js';
import { tempFolder } from '../fixtures/temp-folder.js';

const KIT = 'wardragon-LAB0001';

async function apply({ file }: Enrolled, folder: string): Promise<void> {
  const { code, err } = await dragonsink('enrol', '--apply', file, '--config-dir', folder);
  assert.equal(code, 0, err);
}

for (const kind of ['password', 'mtls'] as Kind[]) {
  test(`in a fleet with ${kind} a kit is found well, running or not, and shut out once revoked`, {
    timeout: 180_000,
  }, async (t) => {
    const fleet = await startFleet(t, kind);
    const heard = new Heard();
    const api = await heard.start();
    t.after(() => heard.stop());
    const folder = tempFolder(t);
    const { configFile } = await kitFiles(join(folder, 'kit'), api, 1);
    await apply(await fleet.enrol(KIT), dirname(configFile));
    await apply(await fleet.enrol('--server', 'main'), join(folder, 'server'));
    const variables = readFileSync(join(folder, 'server', 'server.env'), 'utf8').matchAll(/^(\w+)=(.*)$/gm);
    const env = Object.fromEntries([...variables].map(([, name, value]) => [name, value]));
    const database = `sqlite:${join(folder, 'server.db')}`;
    const ofServer = { ...env, DATABASE_URL: database, FLEET_DIR: fleet.folder, HTTP_PORT: String(await freePort()) };
    runDragonsink(t, ['server'], ofServer);

    const examine = async (): Promise<readonly Check[]> => {
      const { out } = await dragonsink('doctor', '--config', configFile, '--json');
      return (JSON.parse(out) as { checks: Check[] }).checks;
    };
    const notWell = (checks: readonly Check[]): string[] =>
      checks.filter(({ status }) => status !== 'ok').map(({ check, text }) => `${check}: ${text}`);

    assert.deepEqual(notWell(await examine()), [], 'before its first start');
    const { out: server } = await dragonsinkWith(ofServer, 'doctor', '--server', '--json');
    assert.deepEqual(notWell((JSON.parse(server) as { checks: Check[] }).checks), [], 'the server');
    const reader = await fleet.enrol('--reader', 'dashboard');
    const watching = runDragonsink(t, ['watch', '--reader', reader.file, '--kind', 'drone', '--count', '1', '--json']);
    let watched = '';
    watching.child.stdout?.on('data', (chunk: Buffer) => {
      watched += chunk.toString();
    });
    const kit = runDragonsink(t, ['kit', '--config', configFile]);
    await eventually('a connected kit', () => kit.log().includes('connected to the broker'));
    await eventually('a detection that is watched', () => {
      heard.hear('drone-1');
      return watched !== '';
    });
    const message = (JSON.parse(watched) as { message: Record<string, unknown> }).message;
    assert.deepEqual([message['id'], message['seen_by']], ['drone-1', KIT]);
    const beside = await examine();
    assert.deepEqual(notWell(beside), [], 'while it runs');
    assertCheck(
      beside.find(({ check }) => check === 'round trip'),
      'ok',
      /and back in/,
    );
    assert.equal(await kit.end('SIGTERM'), 0);
    const stopped = await examine();
    assert.deepEqual(notWell(stopped), [], 'once it has stopped');
    assertCheck(
      stopped.find(({ check }) => check === 'round trip'),
      'ok',
      /and back in/,
    );

    await fleet.revoke(KIT);
    const revoked = await examine();
    assert.equal(revoked.filter(({ status }) => status === 'fail').length, 1, notWell(revoked).join('\n'));
    assert.match(notWell(revoked).join('\n'), /^login: /m);
  });
}
