// A server that runs hears of kits that are enrolled meanwhile, and does not forget them when the list can't be read.
import assert from 'node:assert/strict';
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { FleetRecord } from '../../../../src/schema/fleet.js';
import { EnrolledKits } from '../../../../src/server/enrol/enrolled-kits.js';
import { MemoryLog } from '../../../fixtures/memory-log.js';
import { tempFolder } from '../../../fixtures/temp-folder.js';

const LOOK_AGAIN_MS = 1_050;

function setUp(t: TestContext): { folder: string; write: (text: string) => void; log: MemoryLog } {
  const folder = tempFolder(t);
  const write = (text: string): void => {
    writeFileSync(join(folder, 'next'), text);
    renameSync(join(folder, 'next'), join(folder, 'fleet.json'));
  };
  return { folder, write, log: new MemoryLog() };
}

function record(...names: string[]): string {
  const at = '2026-11-25T00:00:00.000Z';
  const members = names.map((name, i) => {
    const role = name === 'board' ? ('reader' as const) : ('kit' as const);
    return { role, name, user: name, enrolled_at: at, revoked_at: i === 0 ? at : null, ends_at: null, serials: [] };
  });
  const broker = { host: 'h', port: 1, tls: true };
  const fleet: FleetRecord = { v: 1, broker, credentials: 'password', public_ca: false, tell_broker: '', members };
  return JSON.stringify(fleet);
}

test('kits are known when they are enrolled, also those that were shut out; readers are none', async (t) => {
  const { folder, write, log } = setUp(t);
  const kits = new EnrolledKits(folder, log);
  assert.equal(kits.has('a'), false);
  write(record('a', 'b', 'board'));
  await sleep(LOOK_AGAIN_MS);
  assert.deepEqual(['a', 'b', 'board', 'c'].map((kit) => kits.has(kit)), [true, true, false, false]); // biome-ignore format: short
  for (let i = 0; i < 3; i += 1) kits.has('a');
  assert.deepEqual(log.texts.length, 2, 'one line a kit');
});

test('what can not be read later changes nothing, and is said once; at the start it is refused', async (t) => {
  const { folder, write, log } = setUp(t);
  write(record('a'));
  const kits = new EnrolledKits(folder, log);
  for (const spoil of [() => write('{'), () => rmSync(join(folder, 'fleet.json'))]) {
    spoil();
    for (let i = 0; i < 2; i += 1) {
      await sleep(LOOK_AGAIN_MS);
      assert.equal(kits.has('a'), true);
    }
  }
  assert.equal(log.lines.filter(({ level }) => level === 'error').length, 2);
  write('{"v": 2}');
  assert.throws(() => new EnrolledKits(folder, log), /fleet\.json/);
});
