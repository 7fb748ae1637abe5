// Frames on one connection: when they are closed, who gets them, and what comes of those that nobody takes.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, test } from 'node:test';
import { FRAME_MESSAGES } from '../../../src/kit/frame-pace.js';
import { MAX_FRAME_MESSAGES, STREAM_WIRE } from '../../../src/schema/stream-frame.js';
import { type SessionHarness, sessionHarness } from '../../fixtures/kit-session.js';

const numbers = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, i) => from + i);
const sorted = (seqs: readonly number[]): number[] => [...seqs].sort((a, b) => a - b);
const FRAMES = { wire: ['topics', STREAM_WIRE] };
const STREAM = { wires: { wire: 'stream' } } as const;
const TOPIC = 'wardragon/sink/kit/stream';
const topicsOut = ({ out }: SessionHarness): string[] => out.map(({ topic }) => topic);

/** A message that deflate makes nothing smaller of. */
function incompressible(kit: SessionHarness, thing: string, bytes: number): void {
  const noise = randomBytes(Math.ceil(bytes / 2)).toString('hex');
  kit.spool.accept([{ class: 0, thing, mark: '1', body: JSON.stringify({ id: thing, noise }) }]);
}

test('a full frame is one that a server takes', () => assert.ok(FRAME_MESSAGES <= MAX_FRAME_MESSAGES));

describe('new messages in frames', () => {
  test('wait for each other as long as is set, and go together', (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const kit = sessionHarness(t, { wires: { wire: 'stream', frameMs: 1_000 } });
    kit.hello(FRAMES);
    kit.accept(2);
    t.mock.timers.tick(600);
    kit.accept(1);
    assert.equal(kit.out.length, 0);
    t.mock.timers.tick(400);
    assert.deepEqual(kit.out.map(({ seqs, topic, replay }) => [seqs, topic, replay]), [[[1, 2, 3], TOPIC, false]]); // biome-ignore format: short
    kit.accept(1);
    t.mock.timers.tick(999);
    assert.equal(kit.out.length, 1, 'the next one waits for itself');
    t.mock.timers.tick(1);
    assert.deepEqual(kit.out[1]?.seqs, [4]);
  });

  test('do not wait once a frame is full, nor when the kit leaves', (t) => {
    const kit = sessionHarness(t, { wires: { wire: 'stream', frameMs: 60_000 } });
    kit.hello(FRAMES);
    kit.accept(FRAME_MESSAGES + 3);
    assert.deepEqual(kit.out.map(({ seqs }) => seqs.length), [FRAME_MESSAGES]); // biome-ignore format: short
    assert.equal(kit.session.idle, false);
    kit.session.hurry();
    assert.deepEqual(kit.out[1]?.seqs, numbers(FRAME_MESSAGES + 1, FRAME_MESSAGES + 3));
  });

  test('wait for each other also after the kit was in a hurry with nothing in the frame', (t) => {
    const kit = sessionHarness(t, { wires: { wire: 'stream', frameMs: 60_000 } });
    kit.hello(FRAMES);
    kit.session.hurry();
    kit.accept(2);
    assert.equal(kit.out.length, 0);
    kit.session.hurry();
    assert.deepEqual(kit.out[0]?.seqs, [1, 2]);
  });

  test('are not sent while no server is there, and go as a backlog when one comes', async (t) => {
    const kit = sessionHarness(t, STREAM);
    kit.accept(5);
    assert.deepEqual([kit.out, kit.session.carrier], [[], null]);
    kit.hello(FRAMES);
    assert.deepEqual(kit.out.map(({ seqs, replay }) => [seqs, replay]), [[numbers(1, 5), true]]); // biome-ignore format: short
    await kit.ack([[1, 5]]);
    assert.equal(kit.spool.counts().waiting, 0);
    kit.hello({ ...FRAMES, store: 'down' });
    kit.accept(1);
    assert.equal(kit.out.length, 1);
  });

  test('go on their topics to a server that does not know frames, and when one of two does not', async (t) => {
    const kit = sessionHarness(t, STREAM);
    kit.hello();
    kit.accept(2);
    assert.deepEqual(topicsOut(kit), ['wardragon/drones', 'wardragon/drones']);
    await kit.drain();
    await kit.ack([[1, 2]]);
    kit.hello({ ...FRAMES, boot_id: 'boot-2' });
    kit.accept(1);
    kit.hello({ server_id: 'b' });
    assert.deepEqual(
      [topicsOut(kit), kit.out[0]?.seqs],
      [['wardragon/drones'], [3]],
      'also what had waited in a frame',
    );
    kit.hello({ server_id: 'b', online: false });
    assert.equal(kit.session.carrier, 'frame');
  });

  test('go on their topics to a server that has other frames only', (t) => {
    for (const wire of [
      ['topics', 'stream/2'],
      ['topics', 'stream/10', 'stream'],
    ]) {
      const kit = sessionHarness(t, { ...STREAM, earlier: 1 });
      kit.hello({ wire });
      kit.accept(1);
      assert.deepEqual(topicsOut(kit), ['wardragon/drones', 'wardragon/drones'], String(wire));
    }
  });
});

describe('the backlog', () => {
  test('goes in frames where servers take them, and what is new on its topic', async (t) => {
    const kit = sessionHarness(t, { earlier: 30 });
    kit.hello(FRAMES);
    assert.deepEqual(kit.out.map(({ topic, seqs }) => [topic, seqs]), [[TOPIC, numbers(1, 30)]]); // biome-ignore format: short
    kit.accept(1);
    assert.deepEqual(topicsOut(kit), [TOPIC, 'wardragon/drones']);
  });

  test('makes way while something new goes out now and then: one frame at a time, and a smaller one', async (t) => {
    const kit = sessionHarness(t, { earlier: 4 * FRAME_MESSAGES });
    const frames = () => kit.out.filter(({ topic }) => topic === TOPIC).map(({ seqs }) => seqs.length);
    kit.hello(FRAMES);
    assert.deepEqual(frames(), [FRAME_MESSAGES, FRAME_MESSAGES]);
    kit.accept(1);
    assert.equal(kit.out[2]?.topic, 'wardragon/drones');
    await kit.out[0]?.confirm();
    assert.deepEqual(frames(), [FRAME_MESSAGES], 'the second is still on its way');
    await kit.out[0]?.confirm();
    assert.deepEqual(frames(), [100]);
    kit.nowMs += 1_000;
    kit.session.pump();
    assert.deepEqual(frames(), [100, FRAME_MESSAGES]);
    assert.equal((await kit.drain()).length, 2 * FRAME_MESSAGES + 1, 'all of it');
  });

  test('in part waits in its frame no longer than is set, although there is always something new for the topics', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const kit = sessionHarness(t, { earlier: 2 * FRAME_MESSAGES + 30 });
    kit.hello(FRAMES);
    kit.accept(500);
    for (let frames = 2; frames > 0; frames -= 1) await kit.out[0]?.confirm();
    assert.equal(kit.out.filter(({ topic }) => topic === TOPIC).length, 0);
    t.mock.timers.tick(250);
    await kit.out[0]?.confirm();
    assert.deepEqual(kit.out.filter(({ topic }) => topic === TOPIC).map(({ replays }) => replays), [25]); // biome-ignore format: short
  });

  test('goes on the topics, or waits, where they do not', (t) => {
    const auto = sessionHarness(t, { earlier: 3 });
    auto.hello();
    assert.deepEqual(topicsOut(auto), Array(3).fill('wardragon/drones'));
    const frames = sessionHarness(t, { earlier: 3, wires: { replay: 'frames' } });
    frames.hello();
    assert.equal(frames.out.length, 0);
    frames.accept(1);
    assert.deepEqual(frames.out.map(({ seqs, replay }) => [seqs, replay]), [[[1], false]], 'a new one does not'); // biome-ignore format: short
    frames.hello({ ...FRAMES, boot_id: 'boot-2' });
    assert.deepEqual(frames.out[1]?.seqs.length, 3);
    const topics = sessionHarness(t, { earlier: 3, wires: { replay: 'topics' } });
    topics.hello(FRAMES);
    assert.deepEqual(topicsOut(topics), Array(3).fill('wardragon/drones'));
  });

  test('that is acknowledged while it waits to be sent again is not sent', async (t) => {
    const kit = sessionHarness(t, { earlier: FRAME_MESSAGES + 10 });
    kit.hello(FRAMES);
    await kit.drain();
    kit.reconnect();
    kit.hello(FRAMES);
    assert.deepEqual(kit.out.map(({ seqs }) => seqs.length), [FRAME_MESSAGES], 'ten wait for the frame before'); // biome-ignore format: short
    const { epoch } = kit.spool.ledger()[0] ?? { epoch: '' };
    await kit.ack([[FRAME_MESSAGES + 1, FRAME_MESSAGES + 7]], epoch);
    await kit.out[0]?.confirm();
    assert.deepEqual(await kit.drain(), numbers(FRAME_MESSAGES + 8, FRAME_MESSAGES + 10));
  });

  test('keeps to the window in messages, however few frames they are', async (t) => {
    const kit = sessionHarness(t, { earlier: 50 });
    kit.hello({ ...FRAMES, credit: 20 });
    assert.deepEqual(await kit.drain(), numbers(1, 20));
    const { epoch } = kit.spool.ledger()[0] ?? { epoch: '' };
    await kit.ack([[1, 5]], epoch);
    assert.deepEqual(await kit.drain(), numbers(21, 25));
  });

  test('puts two frames before what is new, and finishes although there is always something new', async (t) => {
    const backlog = 2 * FRAME_MESSAGES + 400;
    const kit = sessionHarness(t, { ...STREAM, earlier: backlog });
    kit.hello(FRAMES);
    assert.deepEqual(kit.out.map(({ seqs }) => seqs.length), [FRAME_MESSAGES, FRAME_MESSAGES]); // biome-ignore format: short
    let replays = 0;
    let rounds = 0;
    for (; replays < backlog && rounds < 100; rounds += 1) {
      kit.accept(FRAME_MESSAGES - 50);
      const [message] = kit.out;
      replays += message?.replays ?? 0;
      await message?.confirm();
    }
    assert.equal(replays, backlog, `${replays} after ${rounds} frames`);
  });

  test('keeps to the drain rate by the bytes of the frames', async (t) => {
    const kit = sessionHarness(t, { drainRateKbps: 8 });
    for (let i = 0; i < 4 * FRAME_MESSAGES; i += 1) incompressible(kit, `t${i}`, 100);
    kit.reconnect();
    kit.hello(FRAMES);
    assert.equal((await kit.drain()).length, FRAME_MESSAGES, 'a frame is never cut');
    kit.nowMs += 10_000;
    kit.session.pump();
    assert.equal((await kit.drain()).length, 0, 'for 25 KB at 1 KB/s');
    kit.nowMs += 25_000;
    kit.session.pump();
    assert.equal((await kit.drain()).length, FRAME_MESSAGES);
  });
});

describe('a frame', () => {
  test('of long messages is closed before a server would find too much text in it', async (t) => {
    const kit = sessionHarness(t, STREAM);
    kit.hello(FRAMES);
    for (let i = 0; i < 40; i += 1) {
      kit.spool.accept([
        { class: 0, thing: `t${i}`, mark: '1', body: JSON.stringify({ id: `t${i}`, x: 'x'.repeat(60_000) }) },
      ]);
    }
    kit.session.pump();
    kit.session.hurry();
    assert.deepEqual(kit.out.map(({ seqs }) => seqs.length), [18, 18, 4]); // biome-ignore format: short
    assert.deepEqual(await kit.drain(), numbers(1, 40), 'each was decoded');
  });
});

describe('a frame that is not taken', () => {
  test('because it is larger than the broker takes is several smaller ones', async (t) => {
    const kit = sessionHarness(t, { maximumPacketBytes: 4_000 });
    for (let i = 0; i < 40; i += 1) incompressible(kit, `t${i}`, 800);
    incompressible(kit, 'large', 20_000);
    kit.reconnect();
    kit.hello(FRAMES);
    assert.ok(kit.out.length > 4);
    assert.deepEqual(sorted(await kit.drain()), numbers(1, 40));
    assert.equal(kit.spool.counts().quarantined, 1, 'what fits no frame of its own is set aside');
  });

  test('because it is larger than the broker takes is never more packets than may be out at once', async (t) => {
    const kit = sessionHarness(t, { maximumPacketBytes: 4_000, window: 18 });
    for (let i = 0; i < FRAME_MESSAGES; i += 1) incompressible(kit, `t${i}`, 800);
    kit.reconnect();
    kit.hello(FRAMES);
    assert.equal(kit.out.length, 18);
    const taken: number[] = [];
    for (let message = kit.out[0]; message !== undefined; message = kit.out[0]) {
      taken.push(...message.seqs);
      await message.confirm();
      assert.ok(kit.out.length <= 18, `${kit.out.length} at once`);
    }
    assert.deepEqual(taken, numbers(1, FRAME_MESSAGES));
  });

  test('because it is larger than the broker takes leaves a rest that is out of the way when it is confirmed', async (t) => {
    const kit = sessionHarness(t, { maximumPacketBytes: 4_000, window: 2 });
    for (let i = 0; i < 40; i += 1) incompressible(kit, `t${i}`, 800);
    kit.hello(FRAMES);
    kit.session.pump();
    await kit.drain();
    kit.reconnect();
    kit.hello(FRAMES);
    assert.equal(kit.out.length, 2);
    const first = kit.out.flatMap(({ seqs }) => seqs);
    await kit.ack([[first.length + 1, 30]]);
    assert.deepEqual(await kit.drain(), [...first, ...numbers(31, 40)], 'what is acknowledged of it is not sent');
    assert.equal(kit.session.idle, true);
  });

  test('because a row is no message goes without it', async (t) => {
    const kit = sessionHarness(t, STREAM);
    kit.hello(FRAMES);
    kit.spool.accept([{ class: 0, thing: 'torn', mark: '1', body: '{"id":"to' }]);
    kit.accept(2);
    kit.session.hurry();
    assert.deepEqual(await kit.drain(), [2, 3]);
    assert.equal(kit.spool.counts().quarantined, 1);
  });

  test('is sent again in others after 30 s without an acknowledgement', async (t) => {
    const kit = sessionHarness(t, STREAM);
    kit.hello(FRAMES);
    kit.accept(4);
    kit.session.hurry();
    await kit.drain();
    await kit.ack([[2, 3]]);
    kit.nowMs += 31_000;
    await kit.ack([]);
    kit.session.tick();
    assert.deepEqual(kit.out.map(({ seqs, replay }) => [sorted(seqs), replay]), [[[1, 4], true]]); // biome-ignore format: short
    assert.equal(kit.counts.resent, 2);
  });

  test('because the topic is denied goes on the topics', async (t) => {
    const kit = sessionHarness(t, STREAM);
    kit.hello(FRAMES);
    kit.accept(3);
    kit.session.hurry();
    await kit.out[0]?.refuse('not-authorised');
    assert.deepEqual(topicsOut(kit), Array(3).fill('wardragon/drones'));
    assert.ok(kit.log.texts.some((text) => text.includes('sending no frames')));
    assert.equal(kit.spool.counts().quarantined, 0);
  });

  test('because of one message in it costs that one message', async (t) => {
    const kit = sessionHarness(t, { ...STREAM, earlier: 40 });
    kit.hello(FRAMES);
    const taken: number[] = [];
    for (let message = kit.out[0]; message !== undefined; message = kit.out[0]) {
      if (message.seqs.includes(17)) await message.refuse('refused');
      else {
        taken.push(...message.seqs);
        await message.confirm();
      }
    }
    assert.deepEqual(sorted(taken), [...numbers(1, 16), ...numbers(18, 40)]);
    assert.equal(kit.spool.counts().quarantined, 1);
  });

  test('by whoever closes the connection at it is taken apart into single messages', (t) => {
    const kit = sessionHarness(t, { ...STREAM, window: 1, earlier: 3 });
    kit.hello(FRAMES);
    assert.deepEqual(kit.out.map(({ seqs }) => seqs), [[1]]); // biome-ignore format: short
  });
});
