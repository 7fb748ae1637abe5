// Topics, built and parsed.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { KINDS } from '../../../src/schema/kinds.js';
import {
  DEFAULT_TOPICS,
  helloTopic,
  historyTopic,
  ingestFilters,
  kitLevel,
  parseTopic,
  perDroneTopic,
  serviceTopic,
  statusTopic,
  streamTopic,
  systemTopics,
  type TopicNames,
} from '../../../src/schema/topics.js';

const OTHER_TOPICS: TopicNames = {
  drones: 'lab/all',
  perDroneBase: 'lab/each',
  aircraft: 'lab/adsb/now',
  signals: 'rf',
  systemBase: 'lab/health',
};
const BASE = DEFAULT_TOPICS.perDroneBase;

const kitId = fc.stringMatching(/^[A-Za-z0-9._-]{1,64}$/);

/** As a broker matches them [MQTT-4.7]. */
function matches(filter: string, topic: string): boolean {
  const pattern = filter.replace(/[.\\^$*?()[\]{}|]/g, '\\$&').replaceAll('+', '[^/]*');
  return new RegExp(`^${pattern.replace(/\/#$/, '(/.*)?')}$`).test(topic);
}

/** A topic that any broker takes, exactly one level below the base. */
function isOneLevelBelow(base: string, topic: string): boolean {
  const level = topic.slice(base.length + 1);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what must not be there
  return topic.startsWith(`${base}/`) && level.isWellFormed() && !/[/+#\u0000-\u001f\u007f]/.test(level);
}

describe('topics', () => {
  test('are those of the WarDragon guide', () => {
    const built = KINDS.map((kind) => historyTopic(DEFAULT_TOPICS, kind, 'wardragon-LAB.1'));
    assert.deepEqual(built, [
      'wardragon/drones',
      'wardragon/aircraft',
      'wardragon/signals',
      'wardragon/system/wardragon-LAB_1/attrs',
    ]);
    assert.deepEqual(systemTopics(DEFAULT_TOPICS, 'k'), {
      attrs: 'wardragon/system/k/attrs',
      state: 'wardragon/system/k/state',
      availability: 'wardragon/system/k/availability',
    });
    assert.equal(serviceTopic('k'), 'wardragon/service/k/availability');
    assert.equal(statusTopic('k'), 'wardragon/sink/k/status');
    assert.equal(helloTopic('host.example'), 'wardragon/ingest/host_example/hello');
    assert.equal(perDroneTopic(BASE, 'drone-112624150A90E3AE1EC0'), 'wardragon/drone/drone-112624150A90E3AE1EC0');
  });

  for (const [what, names] of [
    ['the guide', DEFAULT_TOPICS],
    ['a configuration', OTHER_TOPICS],
  ] as const) {
    test(`parsing undoes building, with the names of ${what}`, () => {
      fc.assert(
        fc.property(kitId, (id) => {
          const level = kitLevel(id);
          for (const kind of KINDS) {
            const parsed = parseTopic(names, historyTopic(names, kind, id));
            assert.deepEqual(parsed, { about: 'history', kind, kitLevel: kind === 'system' ? level : null });
          }
          assert.deepEqual(parseTopic(names, statusTopic(id)), { about: 'status', kitLevel: level });
          assert.deepEqual(parseTopic(names, streamTopic(id)), { about: 'stream', kitLevel: level });
          assert.deepEqual(parseTopic(names, serviceTopic(id)), { about: 'availability', kitLevel: level });
          assert.equal(parseTopic(names, systemTopics(names, id).state).about, 'other');
          assert.equal(parseTopic(names, systemTopics(names, id).availability).about, 'other');
        }),
      );
    });

    test(`the server subscribes to all that it can parse, with the names of ${what}`, () => {
      const filters = ingestFilters(names);
      const wanted = [...KINDS.map((kind) => historyTopic(names, kind, 'k')), statusTopic('k'), serviceTopic('k')];
      for (const topic of [...wanted, streamTopic('k'), `${names.perDroneBase}/drone-1`]) {
        assert.ok(filters.some((filter) => matches(filter, topic)), topic); // biome-ignore format: short
      }
    });
  }

  test("a kit's health may stand on the topics that did not say whose it is", () => {
    for (const topic of ['wardragon/system', 'wardragon/system/attrs']) {
      assert.deepEqual(parseTopic(DEFAULT_TOPICS, topic), { about: 'history', kind: 'system', kitLevel: null });
      assert.ok(ingestFilters(DEFAULT_TOPICS).some((filter) => matches(filter, topic)));
    }
  });

  test('a kit id always makes one level', () => {
    for (const id of ['a/b', 'a+b', 'a#b', 'a\0b', 'a b', 'ä', '..']) assert.match(kitLevel(id), /^[A-Za-z0-9_-]+$/);
  });
});

describe("a drone's own topic", () => {
  const cases: [id: string, level: string][] = [
    ['a/b', 'a%2Fb'],
    ['a+b', 'a%2Bb'],
    ['a#b', 'a%23b'],
    ['a%b', 'a%25b'],
    ['a%2Fb', 'a%252Fb'],
    ['a\0b', 'a%00b'],
    ['a\nb\u007f', 'a%0Ab%7F'],
    ['../../wardragon/sink', '..%2F..%2Fwardragon%2Fsink'],
    ['Zoë 🚁', 'Zoë 🚁'],
    ['\ud800', '\ufffd'],
    ['x'.repeat(300), 'x'.repeat(300)],
  ];
  for (const [id, level] of cases) {
    test(`of ${JSON.stringify(id).slice(0, 40)}`, () => assert.equal(perDroneTopic(BASE, id), `${BASE}/${level}`));
  }

  test('there is none for an id that is too long', () => {
    assert.equal(perDroneTopic(BASE, 'x'.repeat(513)), null);
    assert.equal(perDroneTopic(BASE, '/'.repeat(300)), null);
  });

  test('is one level below the base, and no two ids share one', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', minLength: 1, maxLength: 40 }), (id) => {
        const topic = perDroneTopic(BASE, id);
        assert.ok(topic !== null && isOneLevelBelow(BASE, topic), topic ?? 'null');
        assert.equal(decodeURIComponent(topic.slice(BASE.length + 1)), id.toWellFormed());
      }),
    );
  });

  test('is parsed as a detection, also where a stock DragonSync left a slash in the id', () => {
    for (const level of ['drone-1', 'a%2Fb', 'a/b', 'a/b/c']) {
      const parsed = parseTopic(DEFAULT_TOPICS, `${BASE}/${level}`);
      assert.deepEqual(parsed, { about: 'history', kind: 'drone', kitLevel: null });
    }
  });
});

describe('what is no detection', () => {
  const topics = [
    ...['pilot', 'home'].flatMap((who) => ['state', 'attrs', 'availability'].map((what) => `${who}_${what}`)),
    'state',
    'availability',
  ].map((end) => `${BASE}/drone-1/${end}`);
  const others = [
    '',
    'wardragon',
    'wardragon/drone',
    'wardragon/drones/x',
    'wardragon/aircraft/x',
    'wardragon/system/state',
    'wardragon/system//attrs',
    'wardragon/system/a/b/attrs',
    'wardragon/sink/a/b/status',
    'wardragon/sink/k/ack',
    'wardragon/sink/k/streams',
    'wardragon/sink/a/b/stream',
    'wardragon/service/k/availability/x',
    'wardragon/ingest/s/hello',
    'homeassistant/device_tracker/drone-1/config',
    '$SYS/broker/uptime',
  ];
  for (const topic of [...topics, ...others]) {
    test(topic, () => assert.deepEqual(parseTopic(DEFAULT_TOPICS, topic), { about: 'other' }));
  }
});
