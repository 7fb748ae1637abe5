// What is sent on a connection, and what leaves the spool for it: design 1, Deletion and Window; design 2, Live first.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { sessionHarness } from '../../fixtures/kit-session.js';

const numbers = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, i) => from + i);
const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 80));

describe('delivery to a broker', () => {
  test('deletes what the broker confirmed', async (t) => {
    const kit = sessionHarness(t, { delivery: 'broker' });
    kit.accept(3);
    assert.deepEqual(await kit.drain(), [1, 2, 3]);
    await settled();
    const { waiting, handedOver, classes } = kit.spool.counts();
    assert.deepEqual([waiting, handedOver, classes.get(0)?.delivered], [0, 0, 3]);
  });

  test('with `auto`, hands it over while no server has ever answered, and does not send it again', async (t) => {
    const kit = sessionHarness(t, { delivery: 'auto' });
    kit.accept(3);
    await kit.drain();
    await settled();
    const { waiting, handedOver, classes } = kit.spool.counts();
    assert.deepEqual([waiting, handedOver, classes.get(0)?.delivered], [0, 3, 0]);
    kit.reconnect();
    assert.deepEqual(await kit.drain(), []);
  });

  test('what was handed over goes to the first server that says hello, and only its word deletes', async (t) => {
    const kit = sessionHarness(t, { delivery: 'auto' });
    kit.accept(3);
    await kit.drain();
    await settled();
    kit.hello();
    assert.deepEqual(await kit.drain(), [1, 2, 3]);
    await settled();
    assert.deepEqual([kit.spool.counts().waiting, kit.spool.counts().handedOver], [3, 0]);
    await kit.ack([[1, 2]]);
    assert.equal(kit.spool.storeId(), 'store-1');
    assert.equal(kit.spool.counts().waiting, 1);
    kit.accept(1);
    await kit.drain();
    await settled();
    assert.equal(kit.spool.counts().handedOver, 0, 'from now on no broker is believed');
  });

  test('a server that only says hello and stays silent does not keep it from being handed over', async (t) => {
    const kit = sessionHarness(t, { delivery: 'auto' });
    kit.hello();
    kit.accept(3);
    await kit.drain();
    kit.nowMs += 31_000;
    kit.session.tick();
    await kit.drain();
    await settled();
    assert.equal(kit.spool.counts().handedOver, 3);
  });
});

describe('delivery to a database', () => {
  test('sends what is new while no server is there, and keeps all of it', async (t) => {
    const kit = sessionHarness(t);
    kit.accept(5);
    assert.deepEqual(await kit.drain(), [1, 2, 3, 4, 5]);
    assert.equal(kit.spool.counts().waiting, 5);
    kit.reconnect();
    assert.deepEqual(await kit.drain(), [], 'the backlog waits');
    kit.accept(1);
    assert.deepEqual(await kit.drain(), [6]);
    kit.hello();
    assert.deepEqual(
      (await kit.drain()).sort((a, b) => a - b),
      numbers(1, 6),
    );
  });

  test('the backlog stops at the end-to-end window, and goes on by acknowledgements', async (t) => {
    const kit = sessionHarness(t);
    kit.accept(50);
    await kit.drain();
    kit.reconnect();
    kit.hello({ credit: 20 });
    assert.deepEqual(await kit.drain(), numbers(1, 20));
    await kit.ack([[1, 5]]);
    assert.deepEqual(await kit.drain(), numbers(21, 25));
    await kit.ack([[1, 25]]);
    assert.deepEqual(await kit.drain(), numbers(26, 45));
  });

  test('new messages do not wait for the window', async (t) => {
    const kit = sessionHarness(t);
    kit.accept(50);
    await kit.drain();
    kit.reconnect();
    kit.hello({ credit: 1 });
    await kit.drain();
    kit.accept(10);
    assert.deepEqual(await kit.drain(), numbers(51, 60));
  });

  test('an acknowledgement that comes before the broker’s confirmation counts', async (t) => {
    const kit = sessionHarness(t);
    kit.hello();
    kit.accept(2);
    await kit.ack([[1, 2]]);
    await kit.drain();
    assert.equal(kit.spool.counts().waiting, 0);
    kit.nowMs += 100_000;
    kit.session.tick();
    assert.deepEqual(await kit.drain(), []);
    assert.equal(kit.counts.resent, 0);
  });

  test('what stays unacknowledged is sent again after 30 s, then after 60 s, as a replay', async (t) => {
    const kit = sessionHarness(t);
    kit.hello();
    kit.accept(2);
    await kit.drain();
    kit.nowMs += 20_000;
    await kit.ack([[1, 1]]);
    kit.nowMs += 11_000;
    kit.session.tick();
    assert.deepEqual(kit.out.map(({ seq, replay }) => [seq, replay]), [[2, true]]); // biome-ignore format: short
    await kit.drain();
    kit.nowMs += 25_000;
    await kit.ack([]);
    kit.nowMs += 10_000;
    kit.session.tick();
    assert.deepEqual(await kit.drain(), [], 'not after 30 s again');
    kit.nowMs += 19_000;
    await kit.ack([]);
    kit.nowMs += 10_000;
    kit.session.tick();
    assert.deepEqual(await kit.drain(), [2]);
    assert.equal(kit.counts.resent, 2);
  });

  test('at once when a server begins anew, or the broker has lost its session', async (t) => {
    const kit = sessionHarness(t);
    kit.hello();
    kit.accept(3);
    await kit.drain();
    kit.hello({ boot_id: 'boot-2' });
    assert.deepEqual(await kit.drain(), [1, 2, 3]);
    kit.hello({ boot_id: 'boot-2' });
    assert.deepEqual(await kit.drain(), []);
    kit.hello({ boot_id: 'boot-2', session: 2 });
    assert.deepEqual(await kit.drain(), [1, 2, 3]);
  });

  test('without its database a server gets nothing of the backlog, and everything when it is back', async (t) => {
    const kit = sessionHarness(t);
    kit.hello();
    kit.accept(3);
    await kit.drain();
    kit.hello({ store: 'down' });
    kit.nowMs += 100_000;
    kit.session.tick();
    assert.deepEqual(await kit.drain(), []);
    kit.hello();
    assert.deepEqual(await kit.drain(), [1, 2, 3]);
  });

  test('a server that says goodbye is not waited for, and not called silent', async (t) => {
    const kit = sessionHarness(t);
    kit.hello();
    kit.accept(3);
    await kit.drain();
    kit.hello({ online: false });
    kit.nowMs += 100_000;
    kit.session.tick();
    assert.deepEqual(await kit.drain(), []);
    assert.ok(!kit.log.texts.some((text) => text.includes('count as away')));
    kit.hello();
    assert.deepEqual(await kit.drain(), [1, 2, 3]);
  });

  test('a silent server counts as away: one probe, then a longer wait; its first word brings everything', async (t) => {
    const kit = sessionHarness(t);
    kit.hello();
    kit.accept(5);
    await kit.drain();
    kit.nowMs += 31_000;
    kit.session.tick();
    assert.deepEqual(await kit.drain(), [1], 'one probe');
    kit.nowMs += 29_000;
    kit.session.tick();
    assert.deepEqual(await kit.drain(), []);
    kit.nowMs += 2_000;
    kit.session.tick();
    assert.deepEqual(await kit.drain(), [2]);
    kit.nowMs += 31_000;
    kit.session.tick();
    assert.deepEqual(await kit.drain(), [], 'backing off');
    kit.accept(1);
    assert.deepEqual(await kit.drain(), [6], 'what is new goes out in any case');
    await kit.ack([[1, 1]]);
    assert.deepEqual(
      (await kit.drain()).sort((a, b) => a - b),
      numbers(2, 6),
    );
  });

  test('an acknowledgement of what was never sent deletes nothing, and is said once', async (t) => {
    const kit = sessionHarness(t, { window: 2 });
    kit.hello();
    kit.accept(10);
    assert.equal(kit.out.length, 2);
    await kit.ack([[1, 1_000_000]]);
    await kit.ack([[1, 1_000_000]]);
    assert.equal(kit.spool.counts().classes.get(0)?.delivered, 2);
    assert.equal(kit.spool.counts().waiting, 8);
    assert.equal(kit.log.texts.filter((text) => text.includes('never sent')).length, 1);
  });

  test('an acknowledgement of an older epoch counts once its messages are sent again', async (t) => {
    const kit = sessionHarness(t, { earlier: 3 });
    const epoch = kit.spool.ledger()[0]?.epoch;
    await kit.ack([[1, 3]], epoch);
    assert.equal(kit.spool.counts().waiting, 3, 'this process has sent none of it');
    kit.hello();
    assert.deepEqual(await kit.drain(), [1, 2, 3]);
    await kit.ack([[1, 3]], epoch);
    assert.equal(kit.spool.counts().waiting, 0);
    assert.ok(!kit.log.texts.some((text) => text.includes('never sent')));
  });

  test('what was on its way when the connection broke is sent again, and counted', async (t) => {
    const kit = sessionHarness(t);
    kit.hello();
    kit.accept(3);
    await kit.out[0]?.confirm();
    kit.reconnect();
    kit.hello();
    assert.deepEqual(await kit.drain(), [1, 2, 3]);
    assert.equal(kit.counts.resent, 3);
  });

  test('with more live messages out than are kept in mind, none is forgotten', async (t) => {
    const kit = sessionHarness(t);
    kit.hello();
    for (let i = 0; i < 60; i += 1) {
      kit.accept(100);
      await kit.drain();
    }
    await kit.ack([[1, 5_000]]);
    kit.nowMs += 29_000;
    await kit.ack([]);
    kit.session.tick();
    assert.deepEqual(await kit.drain(), [], 'they may still be acknowledged');
    kit.nowMs += 2_000;
    kit.accept(1);
    await kit.drain();
    kit.session.tick();
    const again = await kit.drain();
    assert.deepEqual(
      again.filter((seq) => seq > 5_000 && seq <= 6_000).sort((a, b) => a - b),
      numbers(5_001, 6_000),
    );
  });

  test('a refused kind is held, the others go on, and later it is tried again', async (t) => {
    const kit = sessionHarness(t);
    kit.hello();
    kit.accept(2);
    await kit.out[0]?.refuse('not-authorised');
    await kit.out[0]?.refuse('not-authorised');
    assert.deepEqual([...kit.session.denied], ['drone']);
    kit.spool.accept([{ class: 2, thing: 's', mark: '1', body: '{"uid":"s"}' }]);
    kit.session.pump();
    assert.equal(kit.out.length, 1);
    assert.equal(kit.spool.counts().waiting, 3);
  });

  test('a no without a reason is waited out, and only what is refused again and again is set aside', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const kit = sessionHarness(t);
    kit.hello();
    kit.accept(2);
    for (const left of [2, 2]) {
      const [first] = kit.out;
      assert.equal(first?.seq, 1);
      await first?.refuse('unwilling');
      assert.equal(kit.spool.counts().waiting, left);
      await kit.drain();
      t.mock.timers.tick(5_000);
    }
    await kit.out[0]?.refuse('unwilling');
    assert.equal(kit.spool.counts().quarantined, 1);
  });

  test('what is too large is set aside, and holds no place in the window', async (t) => {
    const kit = sessionHarness(t);
    kit.hello({ credit: 1 });
    kit.spool.accept([{ class: 0, thing: 'big', mark: '1', body: `{"id":"${'x'.repeat(70_000)}"}` }]);
    kit.accept(1);
    assert.deepEqual(await kit.drain(), [2]);
    assert.equal(kit.spool.counts().quarantined, 1);
  });
});

describe('the backlog', () => {
  test('is overtaken by what is new, and keeps its share', async (t) => {
    const kit = sessionHarness(t, { window: 8 });
    kit.accept(8);
    await kit.drain();
    kit.accept(92);
    kit.session.end();
    kit.out.length = 0;
    kit.reconnect();
    kit.hello();
    kit.accept(40);
    let live = 0;
    let backlog = 0;
    for (let i = 0; i < 80; i += 1) {
      const message = kit.out[0];
      assert.ok(message);
      if (message.seq > 100) live += 1;
      else backlog += 1;
      await message.confirm();
    }
    assert.equal(live, 40);
    assert.ok(backlog >= 20, `${backlog}`);
  });

  test('keeps to the drain rate, and what is new does not', async (t) => {
    const kit = sessionHarness(t, { drainRateKbps: 8 });
    kit.accept(100);
    await kit.drain();
    kit.reconnect();
    kit.hello();
    const first = await kit.drain();
    assert.ok(first.length > 3 && first.length < 15, `${first.length} in the first burst`);
    kit.accept(30);
    assert.equal((await kit.drain()).length, 30);
    kit.nowMs += 2_000;
    kit.session.pump();
    const more = await kit.drain();
    assert.ok(more.length > 3 && more.length < 15, `${more.length} after two seconds`);
  });

  test('is not sent where only live detections are wanted', async (t) => {
    const kit = sessionHarness(t, { delivery: 'broker', wires: { replay: 'off' } });
    kit.session.end();
    kit.spool.accept([{ class: 0, thing: 'old', mark: '1', body: '{"id":"old"}' }]);
    kit.reconnect();
    kit.accept(1);
    assert.deepEqual(await kit.drain(), [2]);
    assert.equal(kit.spool.counts().classes.get(0)?.accepted, 2);
  });
});

describe('progress', () => {
  test('is made when nothing is out, and when the broker says anything about what is', async (t) => {
    const kit = sessionHarness(t, { delivery: 'broker' });
    assert.equal(kit.session.takeProgress(), true, 'nothing is out');
    kit.accept(3);
    assert.equal(kit.session.takeProgress(), false);
    await kit.out[0]?.confirm();
    assert.equal(kit.session.takeProgress(), true);
    assert.equal(kit.session.takeProgress(), false, 'nothing since');
    await kit.out[0]?.refuse('quota');
    assert.equal(kit.session.takeProgress(), true);
  });
});
