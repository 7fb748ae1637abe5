// Whatever a kit accepts, sends, gives up, loses with its disk and says, the server's ledger is that of a plain model.
import { deepEqual } from 'node:assert/strict';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import type { Kind } from '../../../src/schema/kinds.js';
import { type Range, Ranges } from '../../../src/schema/ranges.js';
import type { KitReport, Observation, Store } from '../../../src/server/store.js';
import { openStore } from '../../../src/server/stores/open-store.js';
import { tempFolder } from '../../fixtures/temp-folder.js';
import { KitModel } from './kit-model.js';
import { T0_US, whole } from './store-batches.js';

type Step =
  | { readonly do: 'accept'; readonly kind: Kind; readonly count: number }
  | { readonly do: 'evict' | 'retry'; readonly kind: Kind }
  | { readonly do: 'send' | 'set aside' | 'lose' | 'repeat' | 'say' | 'deliver'; readonly which: number }
  | { readonly do: 'release' | 'back up' | 'restore' };

const kind = fc.constantFrom<Kind>('drone', 'signal');
const of = <S extends Step>(weight: number, arbitrary: fc.Arbitrary<S>): fc.WeightedArbitrary<Step> => ({
  weight,
  arbitrary,
});
const step = fc.oneof(
  of(8, fc.record({ do: fc.constant('accept'), kind, count: fc.integer({ min: 1, max: 4 }) })),
  of(4, fc.record({ do: fc.constantFrom('evict', 'retry'), kind })),
  of(20, fc.record({ do: fc.constantFrom('send', 'deliver', 'say'), which: fc.nat(50) })),
  of(4, fc.record({ do: fc.constantFrom('lose', 'repeat', 'set aside'), which: fc.nat(50) })),
  of(8, fc.record({ do: fc.constantFrom('release', 'back up', 'restore') })),
);

type OnTheWire = { readonly message: Observation } | { readonly report: KitReport };

/** What a server may know of a kit, from what was delivered to it: the plain model of its ledger. */
class Known {
  private readonly streams = new Map<string, { epoch: string; kind: Kind; next: number }>();
  readonly received = new Map<string, Ranges>();
  private readonly evicted = new Map<string, Ranges>();
  private newest = { opening: 0, n: 0 };

  take(wire: OnTheWire): void {
    if ('message' in wire) {
      const { kind, identity } = wire.message;
      if (identity === null) return;
      this.exists(identity.epoch, kind, identity.seq + 1);
      ranges(this.received, `${identity.epoch} ${kind}`).add(identity.seq);
      return;
    }
    const opening = Number(wire.report.opening.split('-')[1]);
    const { n } = wire.report;
    if (opening < this.newest.opening || (opening === this.newest.opening && n <= this.newest.n)) return;
    this.newest = { opening, n };
    for (const { epoch, kind, next, evicted } of wire.report.streams) {
      this.exists(epoch, kind, next);
      for (const range of evicted) ranges(this.evicted, `${epoch} ${kind}`).add(...range);
    }
  }

  /** As it must be when the kit has said everything, and a minute has passed. */
  expected(kit: KitModel): unknown[] {
    return [...this.streams].map(([key, { epoch, kind, next }]) => {
      const has = new Ranges(kit.has(epoch, kind));
      const received = ranges(this.received, key);
      const accounts = { received: '', evicted: '', quarantined: '', waiting: '', missing: '' };
      for (let seq = 1; seq < next; seq += 1) {
        if (received.has(seq)) accounts.received += ` ${seq}`;
        else if (ranges(this.evicted, key).has(seq)) accounts.evicted += ` ${seq}`;
        else if (kit.hasSetAside(epoch, kind, seq)) accounts.quarantined += ` ${seq}`;
        else if (has.has(seq)) accounts.waiting += ` ${seq}`;
        else accounts.missing += ` ${seq}`;
      }
      return { key, next, ...accounts };
    });
  }

  private exists(epoch: string, kind: Kind, next: number): void {
    const key = `${epoch} ${kind}`;
    this.streams.set(key, { epoch, kind, next: Math.max(next, this.streams.get(key)?.next ?? 1) });
  }
}

function ranges(of: Map<string, Ranges>, key: string): Ranges {
  const found = of.get(key) ?? new Ranges();
  of.set(key, found);
  return found;
}

function seqsOf(list: readonly Range[]): string {
  return list.flatMap(([a, b]) => Array.from({ length: b - a + 1 }, (_, i) => ` ${a + i}`)).join('');
}

/** One kit, a wire that keeps the order but loses and repeats, and a server. */
class Schedule {
  private readonly kit: KitModel;
  private readonly known = new Known();
  private readonly wire: OnTheWire[] = [];
  private readonly delivered: OnTheWire[] = [];

  constructor(
    private readonly store: Store,
    private readonly clock: { nowUs: number },
    kitId: string,
  ) {
    this.kit = new KitModel(kitId);
  }

  async run(one: Step): Promise<void> {
    this.clock.nowUs += 7e6;
    switch (one.do) {
      case 'accept':
        return this.accept(one.kind, one.count);
      case 'evict':
        return this.kit.evictOldest(one.kind);
      case 'retry':
        return this.kit.retry(one.kind);
      case 'set aside':
        return this.kit.setAside(one.which);
      case 'send':
        return this.send(this.kit.message(one.which));
      case 'say':
        return this.say(one.which % 4);
      case 'lose':
        return this.lose(one.which);
      case 'repeat':
        return this.repeat(one.which);
      case 'deliver':
        return this.deliver(1 + (one.which % 8));
      case 'release':
        return this.release();
      case 'back up':
        return this.kit.backUp();
      case 'restore':
        return this.kit.restore();
    }
  }

  private accept(kind: Kind, count: number): void {
    for (let i = 0; i < count; i += 1) this.kit.accept(kind);
  }

  private send(message: Observation | null): void {
    if (message !== null) this.wire.push({ message });
  }

  private say(parts: number): void {
    for (const report of this.kit.statuses(parts)) this.wire.push({ report });
  }

  private lose(which: number): void {
    const [lost] = this.wire.splice(which % Math.max(1, this.wire.length), 1);
    if (lost !== undefined && 'report' in lost) this.kit.forgetTold();
  }

  private repeat(which: number): void {
    const again = this.delivered[which % Math.max(1, this.delivered.length)];
    if (again !== undefined) this.wire.push(again);
  }

  private release(): void {
    for (const wire of this.delivered) if ('message' in wire) this.kit.release(wire.message);
  }

  private async deliver(count: number): Promise<void> {
    const some = this.wire.splice(0, count);
    for (const one of some) this.known.take(one);
    this.delivered.push(...some);
    const observations = some.flatMap((one) => ('message' in one ? [one.message] : []));
    const reports = some.flatMap((one) => ('report' in one ? [one.report] : []));
    const { streams } = await this.store.commit(whole({ observations, reports }));
    for (const { epoch, kind, received } of streams)
      deepEqual(received, this.known.received.get(`${epoch} ${kind}`)?.toJSON(), 'what is to be acknowledged');
  }

  /** Everything arrives, the kit says what it has not said, old statuses come once more, and a minute passes. */
  async settle(): Promise<void> {
    await this.deliver(this.wire.length);
    this.say(0);
    await this.deliver(this.wire.length);
    this.wire.push(...this.delivered.filter((one) => 'report' in one).slice(0, -1));
    await this.deliver(this.wire.length);
    this.clock.nowUs += 60e6;
    const entries = (await this.store.ledger(this.kit.kitId)).map((entry) => ({
      key: `${entry.epoch} ${entry.kind}`,
      next: entry.next,
      received: seqsOf(entry.received),
      evicted: seqsOf(entry.evicted),
      quarantined: seqsOf(entry.quarantined),
      waiting: seqsOf(entry.waiting),
      missing: seqsOf(entry.missing),
    }));
    const byKey = (a: unknown, b: unknown): number => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1);
    deepEqual(entries.sort(byKey), this.known.expected(this.kit).sort(byKey));
  }
}

suite('the ledger against its model', () => {
  test('whatever a kit accepts, sends, loses, gives up and says, every seq has exactly one account', async (t) => {
    const clock = { nowUs: T0_US };
    const store = await openStore(`sqlite:${join(tempFolder(t), 'server.db')}`, { nowUs: () => clock.nowUs });
    t.after(() => store.close());
    let runs = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 80, size: 'max' }), async (steps) => {
        runs += 1;
        const schedule = new Schedule(store, clock, `kit-${runs}`);
        for (const one of steps) await schedule.run(one);
        await schedule.settle();
      }),
      { numRuns: 300 },
    );
  });
});
