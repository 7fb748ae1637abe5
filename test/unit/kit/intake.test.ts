// What DragonSync shows and what it pushes, through the one door: each observation once, whichever way it came.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { type JsonObject, parseJson } from '../../../src/base/json.js';
import { noveltyOf, splitTracks } from '../../../src/dragonsync/normalise.js';
import { noveltyOfPublished } from '../../../src/dragonsync/published.js';
import { type Heard, Intake } from '../../../src/kit/intake.js';
import type { Kind } from '../../../src/schema/kinds.js';
import { DEFAULT_TOPICS, parseTopic } from '../../../src/schema/topics.js';
import type { NewRow, Spool } from '../../../src/spool/spool.js';
import { MemoryLog } from '../../fixtures/memory-log.js';
import { EXCERPT, recordedAnswers, recordedMessages } from '../../fixtures/recordings.js';
import { tempFolder } from '../../fixtures/temp-folder.js';
import { open, openFor } from '../spool/spools.js';

const DRONE = { id: 'drone-1', lat: 42.1, lon: -71.2, pilot_lat: 0, pilot_lon: 0, track_type: 'drone' };

function intakeOn(spool: Spool, log = new MemoryLog()): Intake {
  return new Intake({ spool, aircraftIntervalMs: 0, log });
}

function at(time: number, fields: JsonObject = {}): JsonObject {
  return { ...DRONE, observed_at: time, last_update_time: time, ...fields };
}

const pushed = (entry: JsonObject, kind: Kind = 'drone'): Heard => ({ kind, entry, pushed: true });
const polled = (entry: JsonObject, kind: Kind = 'drone'): Heard => ({ kind, entry });

function recordedPushes(name: 'main' | 'quirks'): Heard[] {
  return recordedMessages(name).flatMap(({ topic, payload }) => {
    const parsed = parseTopic(DEFAULT_TOPICS, topic);
    return parsed.about === 'history' ? [pushed(parseJson(payload) as JsonObject, parsed.kind)] : [];
  });
}

function recordedPolls(): Heard[] {
  const of = (path: string, list: string): JsonObject[] => {
    return recordedAnswers('main', path).flatMap((body) => body[list] as JsonObject[]);
  };
  const { drones } = splitTracks(of('/drones', 'drones'));
  return [
    ...drones.map((entry) => polled(entry)),
    ...of('/signals', 'signals').map((entry) => polled(entry, 'signal')),
    ...recordedAnswers('main', '/status').map((entry) => polled(entry, 'system')),
  ];
}

const observation = ({ kind, entry, pushed: push }: Heard): string => {
  const { thing, mark } = push === true ? noveltyOfPublished(kind, entry) : noveltyOf(kind, entry);
  return `${kind} ${thing} ${mark}`;
};

function counts(spool: Spool): number {
  return [...spool.counts().classes.values()].reduce((sum, { accepted }) => sum + accepted, 0);
}

describe('the storm that DragonSync pushes', () => {
  for (const inBatchesOf of [1, 100]) {
    test(`folds to its observations, ${inBatchesOf} messages at a time`, (t) => {
      const pushes = recordedPushes('main');
      const spool = openFor(t);
      const intake = intakeOn(spool);
      for (let i = 0; i < pushes.length; i += inBatchesOf) intake.take(pushes.slice(i, i + inBatchesOf));
      const observations = new Set(pushes.map(observation)).size;
      const accepted = counts(spool);
      assert.ok(pushes.length > observations * (EXCERPT ? 2 : 3), `${pushes.length} messages of ${observations}`);
      assert.ok(accepted >= observations, `${accepted} of ${observations}`);
      // More than one row of an observation are updates, of which DragonSync makes few.
      assert.ok(accepted <= observations * 1.1, `${accepted} rows of ${observations} observations`);
      assert.equal(intake.invalid, 0);
      for (const push of pushes.slice(-100)) assert.deepEqual(intake.take([push]), []);
    });
  }

  test('adds nothing to what was polled, nor polling to what was pushed', (t) => {
    const polls = recordedPolls();
    const pushes = recordedPushes('main');
    for (const [first, then] of [
      [polls, pushes],
      [pushes, polls],
    ] as const) {
      const spool = openFor(t);
      const intake = intakeOn(spool);
      const byThing = new Map<string, string>();
      // One of the two recordings goes on for longer: what both have ends where the shorter one does.
      const other = new Set(then.map(observation));
      const end = first.findLastIndex((one) => other.has(observation(one))) + 1;
      for (const one of first.slice(0, end)) {
        intake.take([one]);
        byThing.set(`${one.kind} ${observation(one).split(' ')[1]}`, observation(one));
      }
      const before = counts(spool);
      // What is still the newest of its thing comes the other way too.
      const again = then.filter((one) => [...byThing.values()].includes(observation(one)));
      assert.ok(again.length > 5, String(again.length));
      for (const one of again) intake.take([one]);
      assert.equal(counts(spool), before);
    }
  });
});

describe('one observation that comes both ways', () => {
  test('is one row, also out of order and after a restart', (t) => {
    const path = join(tempFolder(t), 'spool.db');
    let spool = open(path);
    let intake = intakeOn(spool);
    intake.take([pushed(at(1))]);
    intake.take([pushed(at(2))]);
    // A slow answer of the API, then the storm once more.
    intake.take([polled(at(1, { direction: null, rid: { make: 'x' } }))]);
    intake.take([pushed(at(2)), pushed(at(1)), pushed(at(2))]);
    assert.equal(counts(spool), 2);
    spool.close();
    spool = open(path);
    t.after(() => spool.close());
    intake = intakeOn(spool);
    intake.take([polled(at(2)), pushed(at(2))]);
    assert.equal(counts(spool), 2);
    intake.take([pushed(at(3)), pushed(at(4))]);
    assert.equal(counts(spool), 4, 'two observations of one drone in one commit are two');
  });

  test('is one row of the kit\u2019s health, of which only one way tells fractions of a second', (t) => {
    const spool = openFor(t);
    const intake = intakeOn(spool);
    intake.take([polled({ uid: 'wardragon-1', cpu_usage: 3, last_update_time: 1_795_447_820.897 }, 'system')]);
    intake.take([pushed({ id: 'wardragon-1', cpu_usage: 3, updated: 1_795_447_820 }, 'system')]);
    assert.equal(counts(spool), 1);
    intake.take([pushed({ id: 'wardragon-1', cpu_usage: 3, updated: 1_795_447_850 }, 'system')]);
    assert.equal(counts(spool), 2);
  });
});

describe('what is merged into an observation later', () => {
  const pilot = { pilot_lat: 42.2, pilot_lon: -71.1 };
  const home = { ...pilot, home_lat: 42.3, home_lon: -71.3 };

  test('is kept: the last word has all of it, and the copies of the storm are nothing new', (t) => {
    const spool = openFor(t);
    const intake = intakeOn(spool);
    for (let repeated = 0; repeated < 30; repeated += 1) {
      for (const fields of [{}, pilot, home]) {
        intake.take([pushed(at(1, fields))]);
        intake.take([pushed(at(1, { ...fields, pilot_alt: 0, home_alt: 0 }))]);
      }
    }
    const rows = spool.read(0, spool.lastId(), 100).map(({ body }) => JSON.parse(body) as JsonObject);
    assert.deepEqual(
      rows.map((row) => [row['pilot_lat'], row['home_lat']]),
      [
        [0, undefined],
        [42.2, undefined],
        [42.2, 42.3],
      ],
    );
  });

  for (let size = 1; size <= 12; size += 1) {
    test(`is never taken back by a copy of before, ${size} copies in a commit`, (t) => {
      const spool = openFor(t);
      const intake = intakeOn(spool);
      const storm = Array.from({ length: 30 }, () => [{}, {}, pilot, pilot, home, home]).flat();
      const copies = storm.map((fields) => pushed(at(1, fields)));
      for (let i = 0; i < copies.length; i += size) intake.take(copies.slice(i, i + size));
      const rows = spool.read(0, spool.lastId(), 100).map(({ body }) => JSON.parse(body) as JsonObject);
      const known = rows.map((row) => Number(row['pilot_lat'] !== 0) + Number(row['home_lat'] !== undefined));
      assert.deepEqual(known, [...new Set(known)].sort(), 'each row knows more than the one before');
      assert.equal(known.at(-1), 2);
    });
  }

  test('within one commit is one row', (t) => {
    const spool = openFor(t);
    intakeOn(spool).take([pushed(at(1)), pushed(at(1, pilot)), pushed(at(1, home))]);
    const [row, ...others] = spool.read(0, spool.lastId(), 100);
    assert.equal((JSON.parse(row?.body ?? '{}') as JsonObject)['home_lat'], 42.3);
    assert.deepEqual(others, []);
  });

  test('is kept also where the API was first: what fills a gap, once, and never less than is known', (t) => {
    const spool = openFor(t);
    const intake = intakeOn(spool);
    const lookUp = { rid_make: 'DJI', rid_lookup_success: true };
    intake.take([polled(at(1, { rid: { make: null } }))]);
    for (let repeated = 0; repeated < 3; repeated += 1) {
      for (const fields of [{}, { rssi: -60 }, pilot, home, { ...home, ...lookUp }])
        intake.take([pushed(at(1, fields))]);
    }
    intake.take([polled(at(1, home))]);
    const rows = spool.read(0, spool.lastId(), 100).map(({ body }) => JSON.parse(body) as JsonObject);
    assert.deepEqual(
      rows.map((row) => [row['pilot_lat'], row['home_lat'] ?? 0, row['rid_make'] ?? null]),
      [
        [0, 0, null],
        [42.2, 0, null],
        [42.2, 42.3, null],
        [42.2, 42.3, 'DJI'],
      ],
    );
    intake.take([polled(at(2, { ...home, rid: { make: 'DJI', lookup_success: true } }))]);
    for (const fields of [{}, pilot, home, { ...home, ...lookUp }]) intake.take([pushed(at(2, fields))]);
    assert.equal(counts(spool), 5, 'the API knew all of it');
  });

  test('is bounded: whoever makes up copies without end gets a few rows', (t) => {
    const spool = openFor(t);
    const intake = intakeOn(spool);
    for (let i = 0; i < 1_000; i += 1) intake.take([pushed(at(1, { rssi: -i }))]);
    assert.ok(counts(spool) <= 8);
  });
});

describe('spoofed drones', () => {
  test('by the thousand do not crowd out a real one, nor make its storm new', (t) => {
    const spool = openFor(t);
    const log = new MemoryLog();
    const intake = intakeOn(spool, log);
    let real = 0;
    for (let second = 0; second < 12; second += 1) {
      const spoofed = Array.from({ length: 1_000 }, (_, i) => pushed(at(100 + second, { id: `spoof-${second}-${i}` })));
      intake.take([...spoofed.slice(0, 500), pushed(at(second)), ...spoofed.slice(500)]);
      intake.take([pushed(at(second)), polled(at(second))]);
      real += 1;
    }
    const rows = [];
    for (let id = 0; id < spool.lastId(); id += 500) rows.push(...spool.read(id, id + 500, 500));
    assert.equal(rows.filter(({ body }) => body.includes('"drone-1"')).length, real);
    // The spool is not theirs either: what is beyond a burst waits until it is heard again.
    assert.ok(rows.length < 12_000 / 2, `${rows.length} rows`);
    assert.equal(rows.length + intake.crowded, 12_000 + real);
    assert.equal(log.texts.length, 1);
  });

  test('are left one by one: who is told is who was not taken, and a copy of one that was is', (t) => {
    const intake = new Intake({ spool: openFor(t), aircraftIntervalMs: 0, log: new MemoryLog(), monotonicMs: () => 0 });
    const heard = Array.from({ length: 2_502 }, (_, i) => pushed(at(1, { id: `spoof-${i}` })));
    const left: Heard[] = [];
    intake.take([pushed(at(1)), ...heard, pushed(at(1, { pilot_lat: 42 }))], (one) => left.push(one));
    assert.deepEqual(left, heard.slice(-3));
    left.length = 0;
    intake.take([...heard.slice(-4), pushed(at(2))], (one) => left.push(one));
    assert.deepEqual(left, heard.slice(-3));
    assert.equal(intake.crowded, 6);
  });

  test('that a full spool does not take are left with all their copies', (t) => {
    const spool = openFor(t);
    const intake = intakeOn(spool);
    const accept = spool.accept.bind(spool);
    t.mock.method(spool, 'accept', (rows: NewRow[]) => accept(rows.slice(0, 1)));
    const [first, second, copy] = [pushed(at(1)), pushed(at(2)), pushed(at(2, { pilot_lat: 42 }))];
    const left: Heard[] = [];
    intake.take([first, second, copy], (one) => left.push(one));
    assert.deepEqual(left, [second, copy]);
    assert.equal(intake.refused, 1);
  });
});

test('what is no detection is counted every time, and said once of each sort', (t) => {
  const log = new MemoryLog();
  const intake = intakeOn(openFor(t), log);
  for (let i = 0; i < 50; i += 1) intake.take([pushed({ id: `drone-${i}` }), pushed({ nonsense: i }, 'signal')]);
  assert.equal(intake.invalid, 100);
  assert.equal(log.texts.length, 2);
});
