// What pages are told: after the commit, in order, each once, also after they were away; and nothing is made for nobody.
import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import type { ServerResponse } from 'node:http';
import { describe, type TestContext, test } from 'node:test';
import { EVENTS, type EventName, type News, type Tally } from '../../../../src/schema/web/events.js';
import type { CommitResult, Observation } from '../../../../src/server/store.js';
import { EventHub } from '../../../../src/server/web/live/event-hub.js';
import { KitSinks } from '../../../../src/server/web/live/kit-sinks.js';
import { LiveFeed } from '../../../../src/server/web/live/live-feed.js';
import { Rate } from '../../../../src/server/web/live/rate.js';
import { aircraft, contact, drone, KIT, signal, system, T0_US, whole } from '../store-batches.js';

interface Seen {
  readonly id: string;
  readonly name: string;
  readonly data: Record<string, unknown>;
}

/** A browser's side of the stream; `behind` is what it has not read. */
class Page extends EventEmitter {
  written = '';
  writableLength = 0;
  isGone = false;

  write(text: Buffer | string): boolean {
    this.written += text.toString();
    return true;
  }

  destroy(): void {
    this.isGone = true;
    this.emit('close');
  }

  get events(): Seen[] {
    const blocks = this.written.split('\n\n').filter((block) => block.includes('event: '));
    return blocks.map((block) => {
      const field = (name: string): string => new RegExp(`^${name}: (.*)$`, 'm').exec(block)?.[1] ?? '';
      return { id: field('id'), name: field('event'), data: JSON.parse(field('data')) as Record<string, unknown> };
    });
  }

  get numbers(): unknown[] {
    return this.events.filter(({ name }) => name === 'kit').map(({ data }) => data['kit_id']);
  }
}

function visit(hub: EventHub, after?: string): Page {
  const page = new Page();
  hub.add(page as unknown as ServerResponse, after, []);
  return page;
}

const say = (hub: EventHub, ...numbers: number[]): void => {
  for (const n of numbers) hub.publish('kit', { kit_id: String(n) });
};

describe('the event hub', () => {
  test('tells each page everything from where it begins, once and in order', () => {
    const hub = new EventHub();
    const first = visit(hub);
    say(hub, 1, 2);
    const second = visit(hub);
    say(hub, 3);
    assert.deepEqual([first.numbers, second.numbers], [['1', '2', '3'], ['3']]);
    const ids = first.events.map(({ id }) => id);
    assert.equal(new Set(ids).size, 3);
  });

  test('gives a page that comes back what it missed, and nothing twice', () => {
    const hub = new EventHub();
    const page = visit(hub);
    say(hub, 1, 2);
    const last = page.events.at(-1)?.id;
    page.destroy();
    say(hub, 3, 4);
    const again = visit(hub, last);
    say(hub, 5);
    assert.deepEqual(again.numbers, ['3', '4', '5']);
    assert.deepEqual(
      again.events.filter(({ name }) => name === 'reset'),
      [],
    );
  });

  test('loses nothing between a snapshot and the page that follows it, also the first of all', () => {
    const hub = new EventHub();
    say(hub, 1);
    const mark = hub.mark();
    say(hub, 2, 3);
    assert.deepEqual(visit(hub, mark).numbers, ['2', '3']);
    assert.deepEqual(visit(hub, hub.mark()).numbers, []);
  });

  test('says reset when what was missed is no longer there', (t: TestContext) => {
    let nowMs = 0;
    t.mock.method(performance, 'now', () => nowMs);
    const hub = new EventHub({ pages: 5, keptBytes: 200, behindBytes: 1_000 });
    const mark = hub.mark();
    say(hub, 1, 2, 3, 4, 5, 6, 7, 8);
    const late = visit(hub, mark);
    assert.deepEqual(
      late.events.map(({ name }) => name),
      ['reset'],
    );
    say(hub, 9);
    assert.deepEqual(late.numbers, ['9']);
    // Its place is the reset's from now on.
    const from = late.events[0]?.id;
    late.destroy();
    assert.deepEqual(visit(hub, from).numbers, ['9']);
    for (const unknown of ['00000000-1', `${mark.split('-')[0]}-99999`, 'x', '-', `${mark.split('-')[0]}-x`]) {
      assert.equal(visit(new EventHub(), unknown).events[0]?.name, 'reset', unknown);
    }
    // A minute without anybody: nothing is made or kept.
    const idle = new EventHub();
    const before = idle.mark();
    nowMs += 61_000;
    say(idle, 1);
    assert.equal(idle.isWatched, false);
    assert.equal(visit(idle, before).events[0]?.name, 'reset');
  });

  test('says reset rather than more than a page may be behind', () => {
    const hub = new EventHub({ pages: 5, keptBytes: 100_000, behindBytes: 500 });
    const mark = hub.mark();
    say(hub, 1, 2, 3);
    assert.deepEqual(visit(hub, mark).numbers, ['1', '2', '3']);
    say(hub, ...Array.from({ length: 20 }, (_, i) => i));
    assert.deepEqual(
      visit(hub, mark).events.map(({ name }) => name),
      ['reset'],
    );
  });

  test('drops a page that does not read, and takes in no more than it can serve', () => {
    const hub = new EventHub({ pages: 2, keptBytes: 1_000, behindBytes: 1_000 });
    const [slow, good] = [visit(hub), visit(hub)];
    assert.ok(hub.isFull);
    // One that had gone before it was taken in.
    const gone = Object.assign(new Page(), { destroyed: true });
    new EventHub().add(gone as unknown as ServerResponse, undefined, []);
    assert.equal(gone.written, '');
    assert.ok(visit(hub).isGone);
    slow.writableLength = 1_001;
    say(hub, 1);
    assert.deepEqual([slow.isGone, good.isGone, hub.size], [true, false, 1]);
    assert.deepEqual(good.numbers, ['1']);
    hub.close();
    assert.deepEqual([good.isGone, hub.size], [true, 0]);
  });
});

const none = { stored: 0, merged: 0, refused: 0, rejected: 0 };

function stored(...observations: Observation[]): CommitResult {
  const counts = { drone: none, aircraft: none, signal: none, system: none };
  return { counts, rejects: [], streams: [], stored: observations };
}

function feedOf(t: TestContext): { hub: EventHub; feed: LiveFeed; page: Page; checked: () => Seen[] } {
  t.mock.timers.enable({ apis: ['setTimeout', 'Date'], now: T0_US / 1_000 });
  const hub = new EventHub();
  const feed = new LiveFeed(hub, new KitSinks(), () => {});
  const page = visit(hub);
  const checked = (): Seen[] => {
    for (const { name, data } of page.events) EVENTS[name as EventName].strict().parse(data);
    return page.events;
  };
  return { hub, feed, page, checked };
}

function dataOf<Data>(event: Seen | undefined): Data {
  assert.ok(event !== undefined);
  return event.data as Data;
}

describe('the live feed', () => {
  test('tells what became rows, each as the database would, and no resend', (t) => {
    const { feed, checked } = feedOf(t);
    const observations = [
      drone({ columns: { lat: 1, lon: 2, track_type: 'drone' }, extra: { index: 3 } }),
      aircraft({ columns: { drone_id: 'A1B2C3', description: '<b>' } }),
      signal(),
      system({ replay: true }),
    ];
    const resent = drone({ thing: 'resent' });
    feed.committed(whole({ observations: [...observations, resent] }), stored(...observations));
    t.mock.timers.tick(0);
    const [news] = checked();
    assert.equal(news?.name, 'news');
    const { messages } = dataOf<News>(news);
    assert.deepEqual(
      messages.map(({ kind, late }) => [kind, late]),
      [
        ['drone', false],
        ['aircraft', false],
        ['signal', false],
        ['system', true],
      ],
    );
    const [first, second] = messages;
    assert.ok(first?.kind === 'drone' && second?.kind === 'aircraft');
    assert.deepEqual(
      [first.id, first.state.time, first.state.lat, first.state.mac, first.state.extra],
      ['drone-1', '2026-11-23T15:30:11.363589Z', 1, null, { index: 3 }],
    );
    assert.deepEqual([second.id, second.state.description, second.state.extra], ['A1B2C3', '<b>', null]);
  });

  test('puts what comes at nearly the same time together, in its order', (t) => {
    const { feed, page, checked } = feedOf(t);
    for (let i = 0; i < 10; i += 1) feed.committed(whole({}), stored(drone({ thing: `drone-${i}` })));
    t.mock.timers.tick(0);
    feed.committed(whole({}), stored(drone({ thing: 'drone-10' })));
    t.mock.timers.tick(1_500);
    const news = checked().filter(({ name }) => name === 'news');
    const ids = news.map(({ data }) => (data as unknown as News).messages.map((one) => ('id' in one ? one.id : '')));
    assert.deepEqual(ids, [Array.from({ length: 10 }, (_, i) => `drone-${i}`), ['drone-10']]);
    assert.deepEqual(
      page.events.map(({ name }) => name),
      ['news', 'news', 'tally'],
    );
  });

  test('of a backlog tells some and counts all, and what is live is never left out for it', (t) => {
    const { feed, checked } = feedOf(t);
    const late = Array.from({ length: 700 }, (_, i) => drone({ thing: `late-${i}`, replay: true }));
    feed.committed(whole({}), stored(...late, drone({ thing: 'live', timeUs: T0_US - 40_000 })));
    t.mock.timers.tick(1_500);
    const [news, tally] = checked();
    const { messages } = dataOf<News>(news);
    assert.deepEqual([messages.length, messages.at(-1)?.late], [101, false]);
    const { skipped, minutes } = dataOf<Tally>(tally);
    assert.equal(skipped, 600);
    assert.deepEqual(
      minutes.map(({ messages: n, late: l, latency_ms_max: ms }) => [n, l, ms]),
      [[701, 700, 40]],
    );
  });

  test('of ten seconds of a backlog tells no more than a page on a slow link can take', (t) => {
    const { feed, page, checked } = feedOf(t);
    let seq = 0;
    for (let ms = 0; ms < 10_000; ms += 25) {
      const late = Array.from({ length: 250 }, (_, i) => drone({ thing: `late-${seq + i}`, replay: true }));
      seq += late.length;
      feed.committed(whole({}), stored(...late));
      t.mock.timers.tick(25);
    }
    t.mock.timers.tick(1_500);
    const events = checked();
    const of = <Data>(name: EventName): Data[] =>
      events.filter((event) => event.name === name).map(({ data }) => data as Data);
    const told = of<News>('news').reduce((sum, { messages }) => sum + messages.length, 0);
    assert.ok(told >= 900 && told <= 1_100, String(told));
    assert.equal(told + of<Tally>('tally').reduce((sum, { skipped }) => sum + skipped, 0), seq);
    assert.ok(page.written.length < 1_000_000, String(page.written.length));
  });

  test('tells that a kit has gone, and makes nothing for nobody', (t) => {
    const { feed, page, hub } = feedOf(t);
    feed.committed(whole({ contacts: [contact({ online: false })] }), stored());
    t.mock.timers.tick(100);
    assert.deepEqual(page.numbers, [KIT]);
    t.mock.method(hub, 'publish', () => assert.fail('nobody is there'));
    Object.defineProperty(hub, 'isWatched', { value: false });
    feed.committed(whole({}), stored(drone()));
    t.mock.timers.tick(5_000);
  });
});

test('a rate is of the last ten seconds', (t: TestContext) => {
  let nowMs = 100_000;
  t.mock.method(performance, 'now', () => nowMs);
  const rate = new Rate();
  rate.add(50);
  nowMs += 9_000;
  rate.add(50);
  assert.equal(rate.perSecond, 10);
  nowMs += 1_000;
  assert.equal(rate.perSecond, 5);
  nowMs += 60_000;
  assert.equal(rate.perSecond, 0);
});
