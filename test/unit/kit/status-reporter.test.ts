// What the kit says of itself, and when it says all of it.
import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import type { MqttLink } from '../../../src/base/mqtt-link.js';
import { StatusReporter } from '../../../src/kit/status-reporter.js';
import type { Hello } from '../../../src/schema/hello.js';
import { type KitStatus, kitStatus } from '../../../src/schema/status.js';
import { MemoryLog } from '../../fixtures/memory-log.js';

const HELLO: Hello = {
  v: 1,
  server_id: 'a',
  store_id: 's',
  boot_id: 'boot-1',
  session: 1,
  wire: ['topics'],
  credit: 1_500,
  store: 'ok',
  online: true,
};

interface Setup {
  readonly reporter: StatusReporter;
  readonly said: KitStatus[];
  readonly link: MqttLink;
  streams: KitStatus['ledger'];
  fails: boolean;
  settled(): Promise<void>;
}

function setUp(t: TestContext, streams: number): Setup {
  const said: KitStatus[] = [];
  const publish = async ({ payload }: { payload: string | Buffer }): Promise<void> => {
    if (made.fails) throw new Error('connection closed');
    assert.ok(payload.length < 65_536);
    said.push(kitStatus.parse(JSON.parse(String(payload))));
  };
  const reporter = new StatusReporter({
    log: new MemoryLog(),
    onSpoolError: (error) => {
      throw error;
    },
    ledger: () => made.streams,
    condition: () => ({
      v: 1,
      kit_id: 'kit',
      version: '0',
      time: '',
      clock_offset_s: null,
      opening: 'o',
      n: 0,
      spool: { waiting: 0, handed_over: 0, bytes: 0, oldest_at: null },
      counts: { accepted: 0, delivered: 0, resent: 0, refused: 0, evicted: {}, evicted_handed_over: {} },
      link: { connected: true, reconnects: 0 },
      source: { state: 'ok' },
    }),
  });
  t.after(() => reporter.end());
  const made: Setup = {
    reporter,
    said,
    link: { publish } as unknown as MqttLink,
    streams: Array.from({ length: streams }, (_, i) => stream(i, 1)),
    fails: false,
    settled: () => new Promise((resolve) => setTimeout(resolve, 10)),
  };
  return made;
}

function stream(i: number, next: number): KitStatus['ledger'][number] {
  const epoch = i.toString(16).padStart(16, '0');
  return { epoch, kind: 'drone', floor: 1, next, evicted: [], quarantined: [] };
}

describe('the status', () => {
  test('is a whole listing at first, then what changed', async (t) => {
    const kit = setUp(t, 3);
    kit.reporter.begin(kit.link, 'kit');
    await kit.settled();
    assert.deepEqual(kit.said.map(({ n, listing, ledger }) => [n, listing, ledger.length]), [[1, { part: 1, of: 1 }, 3]]); // biome-ignore format: short
    kit.streams = [stream(0, 1), stream(1, 9), stream(2, 1)];
    await kit.reporter.end();
    assert.deepEqual(kit.said[1]?.ledger, [stream(1, 9)]);
    assert.equal(kit.said[1]?.listing, undefined);
    assert.equal(kit.said[1]?.n, 2);
  });

  test('is a whole listing again for a server that has begun anew or was forgotten by the broker', async (t) => {
    const kit = setUp(t, 2);
    kit.reporter.begin(kit.link, 'kit');
    await kit.settled();
    for (const hello of [HELLO, HELLO, { ...HELLO, session: 2 }, { ...HELLO, boot_id: 'boot-2' }]) {
      kit.reporter.hello(hello);
      await kit.settled();
    }
    assert.deepEqual(kit.said.map(({ listing, ledger }) => [listing?.of, ledger.length]), [[1, 2], [1, 2], [1, 2], [1, 2]]); // biome-ignore format: short
  });

  test('comes in parts that a broker takes, numbered on', async (t) => {
    const kit = setUp(t, 2_000);
    const many = Array.from({ length: 1_200 }, (_, i) => [2 * i + 1, 2 * i + 1] as [number, number]);
    kit.streams.push({ ...stream(9_999, 4_000), evicted: many });
    kit.reporter.begin(kit.link, 'kit');
    await kit.settled();
    assert.ok(kit.said.length > 3);
    assert.deepEqual(kit.said.map(({ n, listing }) => [n, listing?.part, listing?.of]), kit.said.map((_, i) => [i + 1, i + 1, kit.said.length])); // biome-ignore format: short
    const listed = kit.said.flatMap(({ ledger }) => ledger);
    assert.equal(new Set(listed.map(({ epoch }) => epoch)).size, 2_001);
    assert.deepEqual(
      listed.filter(({ epoch }) => epoch === stream(9_999, 1).epoch).flatMap(({ evicted }) => evicted),
      many,
    );
  });

  test('that did not arrive is said again on the next connection, as a listing', async (t) => {
    const kit = setUp(t, 2);
    kit.fails = true;
    kit.reporter.begin(kit.link, 'kit');
    await kit.settled();
    kit.reporter.hello(HELLO);
    await kit.reporter.end();
    assert.equal(kit.said.length, 0);
    kit.fails = false;
    kit.reporter.begin(kit.link, 'kit');
    await kit.settled();
    assert.deepEqual(kit.said.map(({ listing, ledger }) => [listing?.of, ledger.length]), [[1, 2]]); // biome-ignore format: short
  });

  test('is a listing for a server that was away and is back, and none for one that only left', async (t) => {
    const kit = setUp(t, 2);
    kit.reporter.begin(kit.link, 'kit');
    kit.reporter.hello(HELLO);
    await kit.settled();
    const listings = (): number => kit.said.filter(({ listing }) => listing !== undefined).length;
    const before = listings();
    kit.reporter.hello({ ...HELLO, online: false });
    await kit.settled();
    assert.equal(listings(), before);
    kit.reporter.hello(HELLO);
    await kit.settled();
    assert.equal(listings(), before + 1);
  });

  test('names what is set aside whole in every piece, in few enough ranges', async (t) => {
    const kit = setUp(t, 0);
    const odd = (count: number): [number, number][] => Array.from({ length: count }, (_, i) => [2 * i + 1, 2 * i + 1]);
    kit.streams = [{ ...stream(1, 9_000), evicted: odd(600), quarantined: [...odd(2_000), [8_000, 8_001]] }];
    kit.reporter.begin(kit.link, 'kit');
    await kit.settled();
    const entries = kit.said.flatMap(({ ledger }) => ledger);
    assert.equal(entries.length, 2);
    for (const { quarantined } of entries) {
      assert.ok(quarantined.length <= 500);
      const covers = (seq: number): boolean => quarantined.some(([first, last]) => first <= seq && seq <= last);
      assert.ok(odd(2_000).every(([seq]) => covers(seq)));
      assert.ok(covers(8_000) && !covers(6_000), 'the widest gaps stay');
    }
  });
});
