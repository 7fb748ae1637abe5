// What a server tells kits, and when: a clock of the test's own, no broker.
import { deepEqual, equal, ok } from 'node:assert/strict';
import { suite, test } from 'node:test';
import { type Ack, ack as ackSchema, MAX_ACK_ENTRIES, MAX_ACK_RANGES } from '../../../src/schema/ack.js';
import { type Range, Ranges } from '../../../src/schema/ranges.js';
import { Acknowledger } from '../../../src/server/acknowledger.js';
import type { CommittedStream, KitReport, Observation } from '../../../src/server/store.js';
import { at, drone, EPOCH, KIT, LATER_EPOCH, reject, report, T0_US, whole } from './store-batches.js';

interface Sent {
  readonly topic: string;
  readonly ack: Ack;
}

class Bench {
  readonly sent: Sent[] = [];
  readonly acknowledger: Acknowledger;
  private nowMs = 0;
  private timers: { readonly atMs: number; readonly work: () => void }[] = [];

  constructor(credit = 1_500) {
    this.acknowledger = new Acknowledger({
      storeId: 'store-1',
      credit,
      nowUs: () => T0_US,
      publish: ({ topic, payload, qos, retain }) => {
        deepEqual([qos, retain], [1, false]);
        this.sent.push({ topic, ack: ackSchema.parse(JSON.parse(String(payload))) });
      },
      after: (ms, work) => {
        const timer = { atMs: this.nowMs + ms, work };
        this.timers.push(timer);
        return () => {
          this.timers = this.timers.filter((one) => one !== timer);
        };
      },
    });
  }

  passes(ms: number): void {
    this.nowMs += ms;
    for (const timer of this.timers.filter(({ atMs }) => atMs <= this.nowMs)) {
      this.timers = this.timers.filter((one) => one !== timer);
      timer.work();
    }
  }

  get armed(): number {
    return this.timers.length;
  }

  /** Messages that are committed now, in streams that look so afterwards. */
  commit(messages: readonly Observation[], ...streams: CommittedStream[]): void {
    this.acknowledger.committed(whole({ observations: messages }), streams);
  }

  hear(said: KitReport, ...streams: CommittedStream[]): void {
    this.acknowledger.committed(whole({ reports: [said] }), streams);
  }

  get acks(): Ack['acks'][] {
    return this.sent.map(({ ack }) => ack.acks);
  }
}

function committed(received: readonly Range[], over: Partial<CommittedStream> = {}): CommittedStream {
  return { kitId: KIT, epoch: EPOCH, kind: 'drone', received, floor: 1, ...over };
}

const messages = (seqs: readonly number[], over: Partial<Observation> = {}, epoch = EPOCH): Observation[] =>
  seqs.map((seq) => drone({ identity: at(seq, epoch), ...over }));

const upTo = (last: number): number[] => Array.from({ length: last }, (_, i) => i + 1);

/** 1, 3, 5, ... and the like: nothing that could be told in one range. */
const scattered = (count: number, from = 1, step = 2): Range[] =>
  Array.from({ length: count }, (_, i) => [from + i * step, from + i * step]);

suite('when a kit is told', () => {
  test('5 s after the first message, once for all that came meanwhile', () => {
    const bench = new Bench();
    bench.commit(messages([1]), committed([[1, 1]]));
    bench.passes(3_000);
    bench.commit(messages([2, 3]), committed([[1, 3]]));
    bench.passes(1_999);
    deepEqual(bench.sent, []);
    bench.passes(1);
    const acks = [{ epoch: EPOCH, kind: 'drone', upto: 3 }];
    const time = '2026-11-23T15:30:11.363589Z';
    deepEqual(bench.sent, [{ topic: `wardragon/sink/${KIT}/ack`, ack: { v: 1, store_id: 'store-1', acks, time } }]);
    bench.passes(60_000);
    equal(bench.sent.length, 1, 'nothing new, nothing said');
    equal(bench.armed, 0);
  });

  test('at once when a third of the credit is answered, and then not again for the same', () => {
    const bench = new Bench(30);
    bench.commit(messages(upTo(9)), committed([[1, 9]]));
    equal(bench.sent.length, 0);
    bench.commit(messages([10]), committed([[1, 10]]));
    deepEqual(bench.acks, [[{ epoch: EPOCH, kind: 'drone', upto: 10 }]]);
    equal(bench.armed, 0);
    bench.commit(messages([11]), committed([[1, 11]]));
    bench.passes(5_000);
    equal(bench.sent.length, 2);
  });

  test('also of duplicates and rejects, and of nothing that has no identity', () => {
    const bench = new Bench();
    bench.commit(messages([4]), committed([[1, 9]]));
    bench.passes(5_000);
    deepEqual(bench.acks, [[{ epoch: EPOCH, kind: 'drone', upto: 9 }]]);
    bench.acknowledger.committed(whole({ rejects: [reject({ identity: at(10) }), reject({ kitId: null })] }), [
      committed([[1, 10]]),
    ]);
    bench.passes(5_000);
    deepEqual(bench.acks[1], [{ epoch: EPOCH, kind: 'drone', upto: 10 }]);
    bench.commit([drone({ identity: null })]);
    equal(bench.armed, 0);
  });

  test('at once at the first status of each connection, also when there is nothing to say', () => {
    const bench = new Bench();
    bench.hear(report(1, []));
    deepEqual(bench.acks, [[]]);
    bench.hear(report(2, []));
    bench.hear(report(2, []));
    equal(bench.sent.length, 1, 'the same connection');
    bench.hear(report(3, [], { reconnects: 1 }), committed([[1, 7]], { floor: 6 }));
    deepEqual(bench.acks[1], [{ epoch: EPOCH, kind: 'drone', upto: 7 }]);
    bench.hear(report(4, [], { reconnects: 1, listing: { part: 1, of: 1 } }));
    bench.hear(report(1, [], { opening: 'opening-2', reconnects: 1 }));
    equal(bench.sent.length, 4, 'a listing, and a new opening');
    bench.hear(report(1, [], { kitId: 'wardragon-2' }));
    equal(bench.sent.at(-1)?.topic, 'wardragon/sink/wardragon-2/ack');
  });

  test('a stream that the kit has nothing left of is not worth a word', () => {
    const bench = new Bench();
    bench.hear(report(1, []));
    bench.hear(report(2, []), committed([[1, 7]], { floor: 8 }));
    bench.passes(5_000);
    equal(bench.sent.length, 1);
    equal(bench.armed, 0);
  });

  test('all that is left when the server leaves', () => {
    const bench = new Bench();
    bench.commit(messages([1]), committed([[1, 1]]));
    bench.commit(messages([1], { kitId: 'wardragon-2' }), committed([[1, 1]], { kitId: 'wardragon-2' }));
    bench.acknowledger.stop();
    equal(bench.sent.length, 2);
    equal(bench.armed, 0);
  });

  test('of a thousand kits at most: the one that has been quiet longest is forgotten', () => {
    const bench = new Bench();
    for (let i = 0; i < 1_200; i += 1) {
      const kitId = `kit-${i}`;
      bench.commit(messages([1], { kitId }), committed([[1, 1]], { kitId }));
    }
    equal(bench.armed, 1_000);
    bench.passes(5_000);
    equal(bench.sent.length, 1_000);
    equal(bench.sent[0]?.topic, 'wardragon/sink/kit-200/ack');
  });
});

suite('what a kit is told', () => {
  const told = (bench: Bench): Ack['acks'] => {
    bench.passes(5_000);
    return bench.acks.at(-1) ?? [];
  };

  test('never skips a row that is not there', () => {
    const bench = new Bench();
    const received: Range[] = [
      [2, 3],
      [5, 9],
    ];
    bench.commit(messages([7]), committed(received));
    deepEqual(told(bench), [{ epoch: EPOCH, kind: 'drone', upto: 0, ranges: received }]);
    bench.commit(
      messages([12]),
      committed([
        [1, 3],
        [5, 9],
        [12, 12],
      ]),
    );
    const ranges = [
      [5, 9],
      [12, 12],
    ];
    deepEqual(told(bench), [{ epoch: EPOCH, kind: 'drone', upto: 3, ranges }]);
  });

  test('what it answers comes first, then all from the floor upwards, in as many ranges as fit', () => {
    const bench = new Bench();
    const received = scattered(2_000, 11);
    bench.commit(messages([11, 3_999]), committed(received, { floor: 2_011 }));
    const [entry] = told(bench);
    equal(entry?.upto, 0);
    equal(entry.ranges?.length, MAX_ACK_RANGES);
    deepEqual(entry.ranges?.[0], [11, 11], 'answered, though below the floor');
    deepEqual(entry.ranges?.[1], [2_011, 2_011]);
    deepEqual(entry.ranges?.at(-1), [3_999, 3_999]);
  });

  test('what does not fit comes next time, until every answer is told', () => {
    const bench = new Bench(3_000);
    const received = scattered(700, 3);
    bench.commit(messages(received.map(([seq]) => seq)), committed(received));
    const union = new Ranges();
    for (let i = 0; i < 3; i += 1) for (const [first, last] of told(bench)[0]?.ranges ?? []) union.add(first, last);
    deepEqual(union.toJSON(), received);
    equal(bench.sent.length, 3);
    bench.passes(5_000);
    equal(bench.sent.length, 3);
  });

  test('a full window of scattered answers does not wait for the timer', () => {
    const bench = new Bench();
    const received = scattered(1_500, 3);
    bench.commit(messages(received.map(([seq]) => seq)), committed(received));
    const before = bench.acks.flat().reduce((sum, { ranges = [] }) => sum + ranges.length, 0);
    ok(before > 1_000, `${before} at once`);
    for (let i = 0; i < 3; i += 1) bench.passes(5_000);
    const union = new Ranges(bench.acks.flat().flatMap(({ ranges = [] }) => ranges));
    deepEqual(union.toJSON(), received);
  });

  test('streams take turns, and no acknowledgement is larger than its bounds', () => {
    const bench = new Bench(100_000);
    const kinds = ['drone', 'aircraft', 'signal', 'system'] as const;
    const streams = Array.from({ length: 100 }, (_, i) =>
      committed(scattered(20, 3), { epoch: `${i}`.padStart(16, '0'), kind: kinds[i % 4] ?? 'drone' }),
    );
    const all = streams.flatMap(({ epoch, kind, received }) =>
      received.map(([seq]) => drone({ kind, identity: at(seq, epoch) })),
    );
    bench.commit(all, ...streams);
    const toldOf = new Map<string, Ranges>();
    const after: number[] = [];
    for (let i = 0; i < 20 && bench.armed > 0; i += 1) {
      const acks = told(bench);
      ok(acks.length <= MAX_ACK_ENTRIES, `${acks.length} entries`);
      ok(acks.reduce((sum, { ranges = [] }) => sum + ranges.length, 0) <= MAX_ACK_RANGES);
      for (const { epoch, ranges = [] } of acks) {
        const union = toldOf.get(epoch) ?? new Ranges();
        for (const [first, last] of ranges) union.add(first, last);
        toldOf.set(epoch, union);
      }
      after.push(toldOf.size);
    }
    deepEqual(after.slice(0, 4), [32, 64, 96, 100], 'each has its turn before any has a second one');
    for (const { epoch, received } of streams) deepEqual(toldOf.get(epoch)?.toJSON(), received);
  });

  test('one stream with many ranges leaves room for its neighbours', () => {
    const bench = new Bench(100_000);
    const large = scattered(1_000, 3);
    const small = committed([[5, 6]], { epoch: LATER_EPOCH });
    bench.commit(
      [...messages(large.map(([seq]) => seq)), ...messages([5, 6], {}, LATER_EPOCH)],
      committed(large),
      small,
    );
    deepEqual(
      told(bench).map(({ epoch, ranges = [] }) => [epoch, ranges.length]),
      [
        [EPOCH, MAX_ACK_RANGES - 1],
        [LATER_EPOCH, 1],
      ],
    );
  });

  test('an answer whose row was joined with others since is told with them', () => {
    const bench = new Bench();
    bench.commit(messages([3, 5]), committed([[3, 3], [5, 5]])); // biome-ignore format: short
    bench.commit(messages([1, 2, 4]), committed([[1, 5]]));
    deepEqual(told(bench), [{ epoch: EPOCH, kind: 'drone', upto: 5 }]);
  });
});
