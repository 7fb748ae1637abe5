// What the service manager hears: ready, alive only while everything gets on, leaving.
import assert from 'node:assert/strict';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { sleep } from '../../../src/base/backoff.js';
import { type Part, runParts } from '../../../src/base/lifecycle.js';
import { Pulse } from '../../../src/base/pulse.js';
import { type ServiceManager, serviceManager } from '../../../src/base/service-manager.js';
import { MemoryLog } from '../../fixtures/memory-log.js';
import { tempFolder } from '../../fixtures/temp-folder.js';

const WATCHDOG_MS = 60;

class Heard implements ServiceManager {
  readonly watchdogMs = WATCHDOG_MS;
  readonly lines: string[] = [];

  tell(...lines: string[]): Promise<void> {
    this.lines.push(...lines);
    return Promise.resolve();
  }

  get beats(): number {
    return this.lines.filter((line) => line === 'WATCHDOG=1').length;
  }
}

function part(stuck: () => string | null): Part {
  return { name: 'part', start: () => {}, stop: () => {}, stuck };
}

/** Polled: a loaded machine is late. */
async function until(holds: () => boolean): Promise<void> {
  for (let i = 0; i < 500 && !holds(); i += 1) await sleep(10);
  assert.ok(holds());
}

describe('the service manager', () => {
  test('is told that we are ready, that we are alive, and that we leave', async () => {
    const manager = new Heard();
    const stop = new AbortController();
    const running = runParts([part(() => null)], new MemoryLog(), stop.signal, manager);
    await until(() => manager.beats >= 2);
    stop.abort();
    await running;
    assert.equal(manager.lines[0], 'READY=1');
    assert.equal(manager.lines.at(-1), 'STOPPING=1');
  });

  test('hears nothing while a part is stuck, is told why once in the log, and hears again when it moves', async () => {
    const manager = new Heard();
    const log = new MemoryLog();
    const stop = new AbortController();
    let problem: string | null = 'nothing moves';
    const running = runParts([part(() => null), part(() => problem)], log, stop.signal, manager);
    await until(() => log.texts.length > 0);
    await sleep(3 * WATCHDOG_MS);
    assert.equal(manager.beats, 0);
    assert.deepEqual(log.texts, ['error: stuck: nothing moves; the service manager will start this anew']);
    problem = null;
    await until(() => manager.beats > 0);
    stop.abort();
    await running;
  });

  test('is not told READY when a part does not start', async () => {
    const manager = new Heard();
    const bad: Part = { ...part(() => null), start: () => Promise.reject(new Error('no')) };
    await assert.rejects(runParts([bad], new MemoryLog(), new AbortController().signal, manager), { message: 'no' });
    assert.deepEqual(manager.lines, ['STOPPING=1']);
  });

  test('that can not be told is an error in the log, and ends nothing', async () => {
    const log = new MemoryLog();
    const deaf: ServiceManager = { watchdogMs: WATCHDOG_MS, tell: () => Promise.reject(new Error('gone')) };
    const stop = new AbortController();
    const running = runParts([part(() => null)], log, stop.signal, deaf);
    await until(() => log.texts.length >= 2);
    stop.abort();
    await running;
    assert.deepEqual(log.texts, [
      'error: the service manager could not be told READY=1: gone',
      'error: the watchdog could not be fed: gone',
      'error: the service manager could not be told STOPPING=1: gone',
    ]);
  });
});

describe('systemd', () => {
  test('is spoken to by its own program, with the environment it gave us', async (t) => {
    const folder = tempFolder(t);
    const said = join(folder, 'said');
    writeFileSync(join(folder, 'systemd-notify'), `#!/bin/sh\necho "$NOTIFY_SOCKET $*" >>${said}\n`);
    chmodSync(join(folder, 'systemd-notify'), 0o755);
    const env = { PATH: `${folder}:/bin:/usr/bin`, NOTIFY_SOCKET: '/run/x', WATCHDOG_USEC: '60000000' };
    const manager = serviceManager(env);
    await manager?.tell('READY=1');
    assert.equal(readFileSync(said, 'utf8'), '/run/x READY=1\n');
    assert.equal(manager?.watchdogMs, 60_000);
  });

  test('watches only whom it names', () => {
    const env = { NOTIFY_SOCKET: '/run/x', WATCHDOG_USEC: '1000000' };
    assert.equal(serviceManager({ ...env, WATCHDOG_PID: String(process.pid) })?.watchdogMs, 1_000);
    assert.equal(serviceManager({ ...env, WATCHDOG_PID: '1' })?.watchdogMs, null);
    assert.equal(serviceManager({ NOTIFY_SOCKET: '/run/x' })?.watchdogMs, null);
    assert.equal(serviceManager({ WATCHDOG_USEC: '1000000' }), null);
  });
});

describe('a pulse', () => {
  test('is late when what was expected does not come, and never at rest', () => {
    let now = 0;
    const pulse = new Pulse(() => now);
    now = 1e9;
    assert.equal(pulse.isLate, false);
    pulse.expect(100);
    now += 100;
    assert.equal(pulse.isLate, false);
    now += 1;
    assert.equal(pulse.isLate, true);
    pulse.rest();
    assert.equal(pulse.isLate, false);
  });
});
