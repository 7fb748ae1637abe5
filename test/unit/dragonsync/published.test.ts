// What DragonSync published in, message form out: the same as from its API, for every observation of a recording.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type JsonObject, parseJson } from '../../../src/base/json.js';
import { noveltyOf, toMessage } from '../../../src/dragonsync/normalise.js';
import { fromPublished, noveltyOfPublished } from '../../../src/dragonsync/published.js';
import type { Kind } from '../../../src/schema/kinds.js';
import { EXCERPT, recordedAnswers, recordedMessages } from '../../fixtures/recordings.js';

const SHOWN = {
  drone: { path: '/drones', list: (body: JsonObject) => body['drones'], topic: /^wardragon\/drones?(\/[^/]+)?$/ },
  signal: { path: '/signals', list: (body: JsonObject) => body['signals'], topic: /^wardragon\/signals$/ },
  system: { path: '/status', list: (body: JsonObject) => [body], topic: /^wardragon\/system\/[^/]+\/attrs$/ },
} as const;

function keyOf({ thing, mark }: { thing: string; mark: string }): string {
  return `${thing} ${mark}`;
}

/** By observation, as the API showed it. */
function shown(name: 'main' | 'quirks', kind: keyof typeof SHOWN): Map<string, JsonObject> {
  const { path, list } = SHOWN[kind];
  const entries = recordedAnswers(name, path).flatMap((body) => list(body) as JsonObject[]);
  const own = entries.filter((entry) => entry['track_type'] !== 'aircraft');
  return new Map(own.map((entry) => [keyOf(noveltyOf(kind, entry)), toMessage(kind, entry)]));
}

function compare(name: 'main' | 'quirks', kind: keyof typeof SHOWN): number {
  const polled = shown(name, kind);
  const compared = new Set<string>();
  for (const { topic, payload } of recordedMessages(name)) {
    if (!SHOWN[kind].topic.test(topic)) continue;
    const message = parseJson(payload) as JsonObject;
    const key = keyOf(noveltyOfPublished(kind, message));
    const theirs = polled.get(key);
    if (theirs === undefined || compared.has(key)) continue;
    compared.add(key);
    const ours = fromPublished(kind, message);
    // What only one of them tells: an unknown direction is 0.0 over MQTT, and health has whole seconds.
    const direction = theirs['direction'] === null ? { direction: 0 } : {};
    const times = kind === 'system' ? { observed_at: ours['observed_at'], timestamp: ours['timestamp'] } : {};
    assert.deepEqual(ours, { ...theirs, ...direction, ...times }, key);
  }
  return compared.size;
}

describe('what DragonSync published', () => {
  const least = EXCERPT ? { drone: 20, signal: 5, system: 1 } : { drone: 800, signal: 100, system: 15 };

  for (const kind of ['drone', 'signal', 'system'] as const) {
    test(`of a ${kind} is the observation that its API shows, and says the same`, () => {
      const compared = compare('main', kind);
      assert.ok(compared >= least[kind], `only ${compared} observations`);
    });
  }

  test('of hostile and degenerate values says the same too', () => {
    assert.ok(compare('quirks', 'drone') >= (EXCERPT ? 5 : 50));
  });

  test('of an aircraft has the time of its arrival, and is news when anything but that changed', () => {
    const [first] = recordedMessages('aircraft-fixed-build').filter(({ topic }) => topic === 'wardragon/aircraft');
    const message = parseJson(first?.payload ?? '') as JsonObject;
    const at = (time: number): JsonObject => ({ ...message, observed_at: time });
    const { mark, thing } = noveltyOfPublished('aircraft', at(1));
    assert.equal(thing, String(message['icao']));
    assert.equal(noveltyOfPublished('aircraft', at(2)).mark, mark);
    assert.notEqual(noveltyOfPublished('aircraft', { ...at(2), squawk: '7700' }).mark, mark);
    assert.equal(fromPublished('aircraft', at(1.5))['timestamp'], '1970-01-01T00:00:01.500000Z');
    assert.throws(() => fromPublished('aircraft', message), { code: 'schema' });
  });

  const drone = { id: 'drone-1', observed_at: 1.25, last_update_time: 1.5 };

  test('of a SiK drone, which has no time of its own, has that of its last update', () => {
    const message = fromPublished('drone', { ...drone, observed_at: null });
    assert.equal(message['observed_at'], 1.5);
    assert.equal(noveltyOfPublished('drone', { ...drone, observed_at: null }).mark, '1.5');
  });

  test('has its frequency in MHz, whichever unit the receiver used', () => {
    const frequency = (fields: JsonObject): unknown[] => {
      const { freq, freq_mhz } = fromPublished('drone', { ...drone, ...fields });
      return [freq, freq_mhz];
    };
    assert.deepEqual(frequency({ freq: 2_462_000_000, freq_mhz: 2_462 }), [2_462, 2_462]);
    assert.deepEqual(frequency({ freq: 5_805_000_000 }), [5_805, 5_805]);
    assert.deepEqual(frequency({ freq: 915.25 }), [915.25, 915.25]);
    assert.deepEqual(frequency({ freq: null, freq_mhz: null }), [null, null]);
  });

  test('of a kit that does not know itself yet names no kit', () => {
    assert.equal(fromPublished('system', { id: 'wardragon-unknown', updated: 3 })['id'], undefined);
    assert.equal(fromPublished('system', { id: 'wardragon-1', updated: 3 })['id'], 'wardragon-1');
  });

  const nonsense: [kind: Kind, message: JsonObject][] = [
    ['drone', { last_update_time: 1 }],
    ['drone', { id: 'x' }],
    ['drone', { id: '', last_update_time: 1 }],
    ['drone', { id: 5, last_update_time: 1 }],
    ['signal', { uid: 'x' }],
    ['signal', { observed_at: 1 }],
    ['system', { id: 'wardragon-1' }],
    ['aircraft', { callsign: 'x', observed_at: 1 }],
  ];
  for (const [kind, message] of nonsense) {
    test(`is no ${kind}: ${JSON.stringify(message)}`, () => {
      const attempt = (): unknown => [noveltyOfPublished(kind, message), fromPublished(kind, message)];
      assert.throws(attempt, { code: 'schema' });
    });
  }
});
