// Whether DragonSync pushes: told from what its API shows, and said when it changes.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { PushWatch, sourceState } from '../../../src/kit/push-watch.js';
import { MemoryLog } from '../../fixtures/memory-log.js';

function setUp() {
  const log = new MemoryLog();
  const now = { ms: 1_000, connected: true };
  const watch = new PushWatch({ isConnected: () => now.connected, log, monotonicMs: () => now.ms });
  /** A turn of the poller every 2 s, which brings these first each time. */
  const poll = (seconds: number, ...first: Parameters<PushWatch['polled']>[0]): void => {
    for (let s = 0; s < seconds; s += 2) {
      now.ms += 2_000;
      watch.polled(first);
    }
  };
  return { log, now, watch, poll };
}

describe('a DragonSync', () => {
  test('that pushes is said once, and that it is quiet in an empty sky means nothing', () => {
    const { log, watch, poll } = setUp();
    watch.pushed('drone');
    watch.pushed('drone');
    poll(600, 'aircraft', 'system');
    assert.equal(watch.state, 'pushing');
    assert.equal(log.texts.length, 1);
  });

  test('whose API is sometimes first still pushes', () => {
    const { watch, poll } = setUp();
    for (let i = 0; i < 20; i += 1) {
      poll(4, 'drone', 'signal');
      watch.pushed('drone');
    }
    assert.equal(watch.state, 'pushing');
  });

  test('that stops while its API shows detections is polled, said once; and back again when pushes come', () => {
    const { log, watch, poll } = setUp();
    watch.pushed('drone');
    poll(14, 'drone');
    assert.equal(watch.state, 'pushing');
    poll(60, 'drone');
    assert.equal(watch.state, 'polling');
    // Its health goes on where a drone's text has stopped its detections.
    for (let i = 0; i < 5; i += 1) {
      watch.pushed('system');
      poll(30, 'drone');
    }
    assert.equal(watch.state, 'polling');
    watch.pushed('signal');
    assert.equal(watch.state, 'pushing');
    assert.deepEqual(
      log.lines.map(({ level }) => level),
      ['info', 'warn', 'info'],
    );
  });

  test('that is not connected is polled after the time a restart takes, whatever the API shows', () => {
    const { log, now, watch, poll } = setUp();
    now.connected = false;
    poll(30);
    assert.equal(watch.state, 'starting');
    poll(100);
    assert.equal(watch.state, 'polling');
    now.connected = true;
    poll(30);
    assert.equal(watch.state, 'polling', 'a connection alone is no push');
    watch.pushed('system');
    assert.equal(watch.state, 'pushing');
    now.connected = false;
    poll(30);
    assert.equal(watch.state, 'pushing');
    poll(20);
    assert.equal(watch.state, 'polling');
    assert.equal(log.lines.length, 3);
  });
});

test('the state of the source is that of its API, and what pushing makes of it', () => {
  assert.equal(sourceState('ok', null), 'ok');
  assert.equal(sourceState('down', null), 'down');
  assert.equal(sourceState('ok', 'starting'), 'ok');
  assert.equal(sourceState('ok', 'pushing'), 'ok');
  assert.equal(sourceState('ok', 'polling'), 'polling');
  assert.equal(sourceState('down', 'polling'), 'down');
  assert.equal(sourceState('down', 'pushing'), 'api-down');
  assert.equal(sourceState('rate-limited', 'pushing'), 'api-down');
  assert.equal(sourceState('spool-full', 'pushing'), 'spool-full');
});
