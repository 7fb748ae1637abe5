// config/asyncapi.yaml and config/schemas/: they are what the schemas make, valid, and true of what is really sent.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { Ajv, type ValidateFunction } from 'ajv';
import { parse } from 'yaml';
import { isObject, type JsonObject, parseJson } from '../../src/base/json.js';
import { splitTracks, toMessage } from '../../src/dragonsync/normalise.js';
import { seal } from '../../src/schema/envelope.js';
import { KINDS, type Kind } from '../../src/schema/kinds.js';
import { DEFAULT_TOPICS, parseTopic } from '../../src/schema/topics.js';
import { contractFiles } from '../tools/contract.js';

const CONFIG = join(import.meta.dirname, '../../config');
const RECORDINGS = join(import.meta.dirname, '../fixtures/recordings');
const KIT = 'wardragon-A';

interface Document {
  readonly channels: Record<string, { readonly address: string; readonly messages: Record<string, unknown> }>;
  readonly operations: Record<string, { readonly action: string }>;
  readonly components: { readonly messages: Record<string, { payload: { schema: { $ref: string } } }> };
}

const read = (path: string): string => readFileSync(join(CONFIG, path), 'utf8');
const document = parse(read('asyncapi.yaml')) as Document;

function compile(name: string): ValidateFunction {
  return new Ajv({ strict: true, strictTuples: false, allowUnionTypes: true }).compile(
    JSON.parse(read(`schemas/${name}.json`)) as object,
  );
}

function linesOf(ending: string): JsonObject[] {
  return readdirSync(RECORDINGS)
    .filter((file) => file.endsWith(ending))
    .flatMap((file) =>
      gunzipSync(readFileSync(join(RECORDINGS, file)))
        .toString()
        .split('\n'),
    )
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as JsonObject);
}

/** What a stock DragonSync sent over MQTT. */
function recordedMessages(): [Kind, unknown][] {
  return linesOf('.mqtt.jsonl.gz').flatMap(({ topic, payload }): [Kind, unknown][] => {
    const parsed = parseTopic(DEFAULT_TOPICS, String(topic));
    return parsed.about === 'history' ? [[parsed.kind, parseJson(String(payload))]] : [];
  });
}

/** What a kit of ours sends of what DragonSync's API answered. */
function ownMessages(): [Kind, unknown][] {
  const answers = linesOf('.api.jsonl.gz').filter(({ status }) => status === 200);
  const entries = answers.flatMap(({ path, body }): [Kind, JsonObject][] => {
    const answer = parseJson(String(body)) as { drones?: JsonObject[]; signals?: JsonObject[] } & JsonObject;
    if (path === '/status') return [['system', answer]];
    const { drones, aircraft } = splitTracks(answer.drones ?? []);
    return [
      ...drones.map((entry): [Kind, JsonObject] => ['drone', entry]),
      ...aircraft.map((entry): [Kind, JsonObject] => ['aircraft', entry]),
      ...(answer.signals ?? []).map((entry): [Kind, JsonObject] => ['signal', entry]),
    ];
  });
  const sink = { v: 1, epoch: '00000001abcdef01', seq: 1, replay: true, observed_raw: 1.5 } as const;
  return entries.map(([kind, entry]) => [
    kind,
    JSON.parse(seal(JSON.stringify(toMessage(kind, entry)), KIT, sink)) as unknown,
  ]);
}

describe('the contract', () => {
  test('is what the schemas make: if not, run npm run contract', () => {
    const files = contractFiles();
    for (const [path, text] of files) assert.equal(read(path), text, path);
    const written = readdirSync(join(CONFIG, 'schemas')).map((file) => `schemas/${file}`);
    assert.deepEqual(written.sort(), [...files.keys()].filter((path) => path.startsWith('schemas/')).sort());
  });

  test('is AsyncAPI 3.0, by the schema of AsyncAPI itself', () => {
    const specs = createRequire(import.meta.url)('@asyncapi/specs/schemas/3.0.0.json') as object;
    // It brings the meta schema of JSON Schema along.
    const valid = new Ajv({ strict: false, meta: false, validateSchema: false, validateFormats: false }).compile(specs);
    assert.ok(valid(document), JSON.stringify(valid.errors));
    assert.ok(!valid({ ...document, channels: { drones: { adress: 'wardragon/drones' } } }));
  });

  test('names nothing that is not there', () => {
    const at = (pointer: string): unknown =>
      pointer
        .slice(2)
        .split('/')
        .reduce<unknown>((value, key) => (isObject(value) ? value[key] : undefined), document);
    const references = [...JSON.stringify(document).matchAll(/"\$ref":"([^"]+)"/g)].map(([, found = '']) => found);
    assert.ok(references.length > 30);
    for (const reference of references) {
      if (reference.startsWith('#/')) assert.ok(isObject(at(reference)), reference);
      else assert.ok(JSON.parse(read(reference.replace(/^\.\//, ''))), reference);
    }
  });

  test('has every topic, and the server takes each that it is said to receive', () => {
    const addresses = Object.entries(document.channels).map(([name, { address }]) => [name, address]);
    assert.deepEqual(Object.fromEntries(addresses), {
      drones: 'wardragon/drones',
      drone: 'wardragon/drone/{id}',
      aircraft: 'wardragon/aircraft',
      signals: 'wardragon/signals',
      systemAttrs: 'wardragon/system/{kit}/attrs',
      systemState: 'wardragon/system/{kit}/state',
      systemAvailability: 'wardragon/system/{kit}/availability',
      serviceAvailability: 'wardragon/service/{kit}/availability',
      status: 'wardragon/sink/{kit}/status',
      stream: 'wardragon/sink/{kit}/stream',
      ack: 'wardragon/sink/{kit}/ack',
      hello: 'wardragon/ingest/{server}/hello',
    });
    const sent = Object.entries(document.operations).filter(([, { action }]) => action === 'send');
    assert.deepEqual(sent.map(([name]) => name).sort(), ['sendAck', 'sendHello']);
    for (const { address, messages } of Object.values(document.channels)) {
      const parsed = parseTopic(DEFAULT_TOPICS, address.replace(/\{\w+\}/, 'x'));
      if (parsed.about === 'history') assert.deepEqual(Object.keys(messages), [parsed.kind], address);
      if (parsed.about === 'stream') assert.deepEqual(Object.keys(messages), ['frame'], address);
      if (parsed.about === 'status') assert.deepEqual(Object.keys(messages), ['status'], address);
    }
  });
});

describe('the JSON Schemas', () => {
  for (const [whose, messages] of [
    ['a stock DragonSync sends', recordedMessages()],
    ['a kit of ours sends', ownMessages()],
  ] as const) {
    test(`accept everything that ${whose}`, () => {
      for (const kind of KINDS) {
        const valid = compile(kind);
        const own = messages.filter(([of]) => of === kind);
        assert.ok(own.length > 2, `${own.length} of ${kind}`);
        for (const [, message] of own) {
          assert.ok(valid(message), `${JSON.stringify(valid.errors)} of ${JSON.stringify(message)}`);
        }
      }
    });
  }

  test('refuse what is wrong', () => {
    const wrong: [string, unknown][] = [
      ['drone', { lat: 42 }],
      ['drone', { id: 'x', lat: 'north' }],
      ['drone', { id: 'x', sink: { v: 1, epoch: 'x', seq: 1 } }],
      ['aircraft', { id: 'x' }],
      ['signal', { uid: '' }],
      ['system', { cpu_usage: 'high' }],
      ['hello', { v: 2 }],
      ['availability', 'maybe'],
      ['ack', { v: 1, store_id: 's', acks: [{ epoch: '0'.repeat(16), kind: 'bird', upto: 0 }], time: '' }],
      ['status', { v: 1, kit_id: KIT }],
    ];
    for (const [name, message] of wrong) assert.ok(!compile(name)(message), `${name} ${JSON.stringify(message)}`);
  });

  test('accept what servers and kits say of themselves', () => {
    const right: [string, unknown][] = [
      [
        'ack',
        { v: 1, store_id: 's', acks: [{ epoch: '0'.repeat(16), kind: 'drone', upto: 3, ranges: [[5, 9]] }], time: '' },
      ],
      [
        'hello',
        {
          ...{ v: 1, server_id: 'a', store_id: 's', boot_id: 'b', session: 1, wire: ['topics'] },
          ...{ credit: 1500, store: 'ok', online: true },
        },
      ],
      ['availability', 'online'],
    ];
    for (const [name, message] of right) {
      const valid = compile(name);
      assert.ok(valid(message), JSON.stringify(valid.errors));
    }
  });
});
