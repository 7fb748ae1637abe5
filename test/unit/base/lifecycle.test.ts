// Parts that start in order and stop in the opposite one.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, test } from 'node:test';
import { type Part, runParts } from '../../../src/base/lifecycle.js';
import { MemoryLog } from '../../fixtures/memory-log.js';

interface Failure {
  readonly start?: boolean;
  readonly stop?: boolean;
}

function recorded(done: string[], name: string, fails: Failure = {}): Part {
  const step = async (what: string, fail: boolean | undefined): Promise<void> => {
    await Promise.resolve();
    done.push(`${what} ${name}`);
    if (fail) throw new Error(`${name} does not ${what}`);
  };
  return { name, start: () => step('start', fails.start), stop: () => step('stop', fails.stop) };
}

/** Without a signal, one that comes soon. */
async function run(parts: readonly Part[], signal?: AbortSignal): Promise<string[]> {
  const log = new MemoryLog();
  const soon = new AbortController();
  setTimeout(() => soon.abort(), 20); // unlike AbortSignal.timeout, it keeps the process alive
  await runParts(parts, log, signal ?? soon.signal);
  return log.texts;
}

describe('runParts', () => {
  test('starts one after another, runs until the signal, stops in reverse', async () => {
    const done: string[] = [];
    const controller = new AbortController();
    const last: Part = {
      name: 'last',
      start: () => void setTimeout(() => controller.abort(done.push('signal')), 10),
      stop: () => void done.push('stop last'),
    };
    await run([recorded(done, 'a'), recorded(done, 'b'), last], controller.signal);
    assert.deepEqual(done, ['start a', 'start b', 'signal', 'stop last', 'stop b', 'stop a']);
  });

  test('a part that does not start ends the run with its error, and stops itself and what was started', async () => {
    const done: string[] = [];
    const parts = [recorded(done, 'a'), recorded(done, 'b', { start: true }), recorded(done, 'c')];
    await assert.rejects(run(parts), { message: 'b does not start' });
    assert.deepEqual(done, ['start a', 'start b', 'stop b', 'stop a']);
  });

  test('a part that does not stop is logged, and keeps no other from stopping', async () => {
    const done: string[] = [];
    const texts = await run([recorded(done, 'a'), recorded(done, 'b', { stop: true }), recorded(done, 'c')]);
    assert.deepEqual(done.slice(3), ['stop c', 'stop b', 'stop a']);
    assert.deepEqual(texts, ['error: stopping: b does not stop']);
  });

  test('nothing more is started once the signal came', async () => {
    const done: string[] = [];
    const controller = new AbortController();
    const first: Part = { name: 'first', start: () => controller.abort(), stop: () => void done.push('stop first') };
    await run([first, recorded(done, 'second')], controller.signal);
    assert.deepEqual(done, ['stop first']);
    await run([recorded(done, 'third')], AbortSignal.abort());
    assert.deepEqual(done, ['stop first']);
  });
});

describe('stopSignal', () => {
  const script = `
    import { stopSignal } from './src/base/lifecycle.ts';
    const log = { info: (_, text) => console.log(text) };
    const signal = stopSignal(log);
    signal.addEventListener('abort', () => console.log('aborted'));
    setInterval(() => {}, 1000);
    process.kill(process.pid, process.argv[1]);
    setTimeout(() => process.kill(process.pid, process.argv[1]), 50);
  `;
  for (const name of ['SIGTERM', 'SIGINT']) {
    test(`aborts at the first ${name}, and lets the second end the process`, () => {
      const args = ['--import', 'tsx', '--input-type=module', '--eval', script, name];
      const { stdout, signal } = spawnSync(process.execPath, args, { encoding: 'utf8', timeout: 20_000 });
      assert.equal(stdout, 'stopping\naborted\n');
      assert.equal(signal, name);
    });
  }
});
