// API form in, MQTT form out, against a real DragonSync: equal but for the exceptions that the README lists.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type JsonObject, parseJson } from '../../../src/base/json.js';
import { toMessage } from '../../../src/dragonsync/normalise.js';
import type { Kind } from '../../../src/schema/kinds.js';
import { EXCERPT, recordedAnswers, recordedMessages } from '../../fixtures/recordings.js';

type Name = 'main' | 'quirks';

/** What makes an API entry and an MQTT message the same observation. */
const IDENTITY: Record<'drone' | 'signal' | 'system', (entry: JsonObject) => string> = {
  drone: (entry) => `${entry['id']} ${entry['last_update_time']}`,
  signal: (entry) => `${entry['uid']} ${entry['observed_at']}`,
  system: (entry) => `${entry['updated'] ?? Math.trunc(Number(entry['last_update_time']))}`,
};

const SOURCES = {
  drone: { path: '/drones', list: (body: JsonObject) => body['drones'], topic: /^wardragon\/drones$/ },
  signal: { path: '/signals', list: (body: JsonObject) => body['signals'], topic: /^wardragon\/signals$/ },
  system: { path: '/status', list: (body: JsonObject) => [body], topic: /^wardragon\/system\/[^/]+\/attrs$/ },
} as const;

/** The fields that may differ (README, "Compatibility"), and what each must be instead. */
function exceptions(kind: Kind, entry: JsonObject, ours: JsonObject): JsonObject {
  const { timestamp, observed_at } = ours;
  assert.match(String(timestamp), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
  assert.equal(typeof observed_at, 'number');
  const always = { timestamp, observed_at };
  if (kind !== 'drone') return always;
  const directionUnknown = entry['direction'] === null ? { direction: null } : {};
  return { ...always, freq: ours['freq_mhz'], gps_accuracy: null, ...directionUnknown };
}

function compare(name: Name, kind: 'drone' | 'signal' | 'system'): number {
  const { path, list, topic } = SOURCES[kind];
  const sent = new Map<string, JsonObject>();
  for (const message of recordedMessages(name)) {
    if (!topic.test(message.topic)) continue;
    const theirs = parseJson(message.payload) as JsonObject;
    // The first of the storm: later copies have what DragonSync computed in between.
    if (!sent.has(IDENTITY[kind](theirs))) sent.set(IDENTITY[kind](theirs), theirs);
  }
  const compared = new Set<string>();
  for (const entry of recordedAnswers(name, path).flatMap((body) => list(body) as JsonObject[])) {
    if (entry['track_type'] === 'aircraft') continue;
    const identity = IDENTITY[kind](entry);
    const theirs = sent.get(identity);
    if (theirs === undefined || compared.has(identity)) continue;
    compared.add(identity);
    const ours = toMessage(kind, entry);
    const { seen_by: _, pilot_alt, home_alt, ...expected } = theirs;
    assert.deepEqual(ours, { ...expected, ...exceptions(kind, entry, ours) }, `${kind} ${identity}`);
  }
  return compared.size;
}

describe('API form to message form, on a recording', () => {
  const least = EXCERPT
    ? { drone: 20, signal: 5, system: 1, quirks: 5 }
    : { drone: 800, signal: 100, system: 15, quirks: 50 };

  for (const kind of ['drone', 'signal', 'system'] as const) {
    test(`a ${kind} equals what DragonSync's sink sent, but for the listed exceptions`, () => {
      const compared = compare('main', kind);
      assert.ok(compared >= least[kind], `only ${compared} pairs`);
    });
  }

  test('so do hostile and degenerate values, with NaN and Infinity as null', () => {
    const compared = compare('quirks', 'drone');
    assert.ok(compared >= least.quirks, `only ${compared} pairs`);
  });
});
