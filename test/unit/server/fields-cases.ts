// Every field, from the message (or the API's answer) to the row that is read back from a database: all cases in one batch.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { isObject, type JsonObject, parseJson } from '../../../src/base/json.js';
import { toMessage } from '../../../src/dragonsync/normalise.js';
import { KINDS, type Kind } from '../../../src/schema/kinds.js';
import { DEFAULT_TOPICS, historyTopic } from '../../../src/schema/topics.js';
import { Decoder } from '../../../src/server/decode.js';
import { API, BASE, BESIDE, FATES, type Fate, UNKNOWN } from './fields-table.js';
import { whole } from './store-batches.js';
import type { Build, Row } from './store-harness.js';

const KIT = 'wardragon-A';
const RECORDINGS = join(import.meta.dirname, '../../fixtures/recordings');
const FIRST_S = 1_795_440_000;
const TABLES = ['drones', 'signals', 'system_health'];

/** One message, and what its row must hold. */
interface Case {
  readonly what: string;
  readonly kind: Kind;
  readonly payload: string;
  readonly atS: number;
  readonly columns: Readonly<Record<string, unknown>>;
  readonly extra: JsonObject;
  /** What must not be in `extra`. */
  readonly notKept: readonly string[];
}

let nextS = FIRST_S;
/** Each case has a second of its own, by which its row is found. */
function moment(fields: JsonObject, ...times: string[]): number {
  nextS += 1;
  const own = times.map((time) => fields[time]).find((value) => typeof value === 'number');
  return typeof own === 'number' ? own : nextS;
}

const toUs = (kind: Kind, seconds: number): number =>
  Math.round((kind === 'system' ? Math.floor(seconds) : seconds) * 1e6);

function messageCase(kind: Kind, what: string, fields: JsonObject, expected: Partial<Case>): Case {
  const atS = moment(fields, 'observed_at', ...(kind === 'system' ? ['updated'] : []));
  const message = {
    ...BASE[kind],
    seen_by: KIT,
    ...(kind === 'system' && 'updated' in fields ? {} : { observed_at: atS }),
    ...fields,
  };
  const none = { columns: {}, extra: {}, notKept: [] };
  return { what: `${kind} ${what}`, kind, payload: JSON.stringify(message), atS, ...none, ...expected };
}

function expectedOf(field: string, [value, fate]: Fate): Partial<Case> {
  if (fate === 'extra') return { extra: { [field]: value } };
  return { columns: fate ?? {}, notKept: [field] };
}

function mqttCases(): Case[] {
  return KINDS.flatMap((kind) =>
    Object.entries({ ...FATES[kind], ...BESIDE[kind] }).map(([field, fate]) =>
      messageCase(kind, field, { [field]: fate[0] }, expectedOf(field, fate)),
    ),
  );
}

const API_BASE: Record<Kind, JsonObject> = {
  drone: { id: 'drone-1', track_type: 'drone' },
  aircraft: { id: 'adsb-a1b2c3', hex: 'A1B2C3', track_type: 'aircraft' },
  signal: BASE.signal,
  system: { uid: KIT },
};

/** What the API shows of a kind: its own, and what it has as MQTT has it. */
function apiFields(kind: Kind): string[] {
  const shown = recorded().get(`api ${kind}`) ?? new Set();
  return [...new Set([...Object.keys(API[kind]), ...shown])];
}

function apiCases(): Case[] {
  return KINDS.flatMap((kind) =>
    apiFields(kind).flatMap((field): Case[] => {
      const own = API[kind][field];
      const same = FATES[kind][field];
      assert.ok(own ?? same, `the API's ${kind}.${field} is not in the table`);
      const value = (own ?? same)?.[0];
      const [expectedColumns, extra] = own === undefined ? [null, {}] : [own[1], own[2] ?? {}];
      const expected =
        expectedColumns === null && same !== undefined
          ? expectedOf(field, same)
          : { columns: expectedColumns ?? {}, extra };
      const time = kind === 'signal' || kind === 'drone' ? 'observed_at' : 'last_update_time';
      const atS = moment({ [field]: value }, time);
      const entry = { ...API_BASE[kind], seen_by: KIT, [time]: atS, [field]: value };
      // What is normalised away says so by not being kept under its API name.
      const payload = JSON.stringify({ ...toMessage(kind, entry), seen_by: KIT });
      const base = { columns: {}, extra: {}, notKept: [] };
      return [{ what: `${kind} ${field} of the API`, kind, payload, atS, ...base, ...expected }];
    }),
  );
}

function unknownCases(): Case[] {
  return UNKNOWN.map(([kind, fields, column, kept]) =>
    messageCase(kind, `${JSON.stringify(fields)} is no ${column}`, fields, {
      columns: { [column]: null },
      ...(kept ? { extra: keptOf(fields, column) } : { notKept: Object.keys(fields) }),
    }),
  );
}

/** Of a pair, the half that is impossible. */
function keptOf(fields: JsonObject, column: string): JsonObject {
  const names = Object.keys(fields);
  const only = names.length === 1 ? names : names.filter((name) => name === column);
  return Object.fromEntries(only.map((name) => [name, fields[name]]));
}

/** Python writes what JSON does not have. */
function nonFiniteCases(): Case[] {
  const fields: [Kind, string, string][] = [
    ['drone', 'lat', 'lat'],
    ['drone', 'rssi', 'rssi'],
    ['aircraft', 'vertical_rate', 'vspeed'],
    ['signal', 'rssi', 'power_dbm'],
    ['system', 'cpu_usage', 'cpu_percent'],
  ];
  return fields.flatMap(([kind, field, column]) =>
    ['NaN', 'Infinity', '-Infinity', '1e999'].map((word) => {
      const made = messageCase(
        kind,
        `${field} ${word}`,
        { [field]: 'HERE' },
        { columns: { [column]: null }, notKept: [field] },
      );
      return { ...made, payload: made.payload.replace('"HERE"', word) };
    }),
  );
}

/** Field names by kind, as recorded: `drone` and `api drone`. */
function recorded(): Map<string, Set<string>> {
  const found = new Map<string, Set<string>>();
  const add = (name: string, message: unknown): void => {
    if (!isObject(message)) return;
    const fields = found.get(name) ?? new Set();
    found.set(name, fields);
    for (const field of Object.keys(message)) fields.add(field);
  };
  for (const { path, status, body, topic, payload } of recordedLines()) {
    if (path === undefined) add(kindOfTopic(String(topic)) ?? '', parsed(payload));
    else if (status === 200) addAnswer(String(path), parsed(body), add);
  }
  found.delete('');
  return found;
}

function recordedLines(): JsonObject[] {
  return readdirSync(RECORDINGS)
    .flatMap((file) =>
      gunzipSync(readFileSync(join(RECORDINGS, file)))
        .toString()
        .split('\n'),
    )
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as JsonObject);
}

function addAnswer(path: string, answer: unknown, add: (name: string, message: unknown) => void): void {
  if (!isObject(answer)) return;
  if (path === '/status') add('api system', answer);
  for (const entry of (answer['drones'] ?? []) as JsonObject[]) add(`api ${entry['track_type']}`, entry);
  for (const entry of (answer['signals'] ?? []) as JsonObject[]) add('api signal', entry);
}

function kindOfTopic(topic: string): Kind | null {
  if (topic === 'wardragon/drones') return 'drone';
  if (topic === 'wardragon/aircraft') return 'aircraft';
  if (topic === 'wardragon/signals') return 'signal';
  return topic.endsWith('/attrs') ? 'system' : null;
}

function parsed(text: unknown): unknown {
  try {
    return parseJson(String(text));
  } catch {
    return null; // a state's plain word
  }
}

function same(found: unknown, expected: unknown): boolean {
  if (typeof expected === 'number') return typeof found === 'number' && Math.abs(found - expected) < 1e-9;
  return found === expected;
}

function check(row: Row, { what, columns, extra, notKept }: Case): void {
  for (const [column, expected] of Object.entries(columns)) {
    assert.ok(same(row[column], expected), `${what}: ${column} is ${row[column]}, not ${expected}`);
  }
  const kept = (row['extra'] ?? {}) as JsonObject;
  for (const [field, expected] of Object.entries(extra))
    assert.deepEqual(kept[field], expected, `${what}: extra.${field}`);
  for (const field of notKept) assert.ok(!(field in kept), `${what}: also in extra: ${JSON.stringify(kept)}`);
}

export function fieldCases(build: Build): void {
  describe('every field', () => {
    test('that was ever recorded is in the table', () => {
      const seen = recorded();
      assert.equal(seen.size, 8);
      for (const kind of KINDS) {
        const missing = [...(seen.get(kind) ?? [])].filter((field) => !(field in { ...FATES[kind], ...BESIDE[kind] }));
        assert.deepEqual(missing, [], kind);
      }
    });

    test('ends where the table says, with its unit, in the database', async (t: TestContext) => {
      const cases = [...mqttCases(), ...apiCases(), ...unknownCases(), ...nonFiniteCases()];
      assert.ok(cases.length > 250, String(cases.length));
      const decoder = new Decoder(DEFAULT_TOPICS);
      const batches = cases.map(({ kind, payload, what }) => {
        const topic = historyTopic(DEFAULT_TOPICS, kind, KIT);
        const batch = decoder.decode({ topic, payload: Buffer.from(payload), receivedUs: (FIRST_S + 10_000) * 1e6 });
        assert.deepEqual(batch.rejects, [], what);
        return batch;
      });
      const harness = await build(t);
      const store = await harness.open();
      const { counts } = await store.commit(
        whole({ observations: batches.flatMap(({ observations }) => observations) }),
      );
      const stored = KINDS.reduce((sum, kind) => sum + counts[kind].stored + counts[kind].merged, 0);
      assert.equal(stored, cases.length);

      const rows = new Map<string, Row>();
      for (const table of TABLES) {
        for (const row of await harness.rows(table)) {
          rows.set(`${row['track_type'] ?? table} ${row['observed_raw']}`, row);
        }
      }
      const tableOf: Record<Kind, string> = {
        drone: 'drone',
        aircraft: 'aircraft',
        signal: 'signals',
        system: 'system_health',
      };
      for (const one of cases) {
        const row = rows.get(`${tableOf[one.kind]} ${toUs(one.kind, one.atS)}`);
        assert.ok(row, `${one.what}: no row`);
        check(row, one);
        assert.equal(row['kit_id'], KIT);
      }
    });

    test('of an aircraft makes one identity of it, whichever way and however written it came', async (t: TestContext) => {
      const decoder = new Decoder(DEFAULT_TOPICS);
      const entry = {
        id: 'adsb-abc123',
        hex: 'abc123',
        track_type: 'aircraft',
        last_update_time: FIRST_S,
        seen_by: KIT,
      };
      const messages = [
        { ...toMessage('aircraft', entry), seen_by: KIT },
        { icao: 'ABC123', seen_by: KIT, observed_at: FIRST_S + 1 },
        { icao: 'abc123', seen_by: KIT, alt: 1_000 },
      ];
      const observations = messages.flatMap(
        (message) =>
          decoder.decode({
            topic: 'wardragon/aircraft',
            payload: Buffer.from(JSON.stringify(message)),
            receivedUs: (FIRST_S + 5) * 1e6,
          }).observations,
      );
      const harness = await build(t);
      const store = await harness.open();
      await store.commit(whole({ observations }));
      const ids = (await harness.rows('drones')).map((row) => row['drone_id']);
      assert.deepEqual(ids, ['ABC123', 'ABC123', 'ABC123']);
    });
  });
}
