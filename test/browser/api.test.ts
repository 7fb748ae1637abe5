// The HTTP API of a real server, on both databases: every answer is what the OpenAPI document says, live events miss and
// repeat nothing, only operators act, and outages are survived and told.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { VERSION } from '../../src/base/version.js';
import { openApi } from '../../src/schema/web/openapi.js';
import { OPERATIONS, type Operation } from '../../src/schema/web/operations.js';
import { SimulatedDragonSync } from '../../src/simulate/dragonsync-api.js';
import { freePort } from '../../src/simulate/ports.js';
import { createWorld } from '../../src/simulate/world.js';
import { usePostgres } from '../fixtures/postgres-harness.js';
import { eventually, runDragonsink } from '../fixtures/processes.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import { type Answered, EventReader, kitStatus, type Served, serve, TOKEN } from './served.js';

const postgres = usePostgres();
const KIT = 'wardragon-A';
const EPOCH = '00000001abcdef01';
const HOSTILE = `=cmd|' /C calc'!A0 <script>alert(1)</script> "quoted", \u202egnp.exe\n${'x'.repeat(4_000)}`;

const DATABASES: readonly [name: string, url: (t: TestContext) => string][] = [
  ['SQLite', (t) => `sqlite:${join(tempFolder(t), 'server.db')}`],
  ['PostgreSQL', () => postgres().createDatabase()],
];

/** Of the document that the server itself gives. */
function checker(document: unknown): (path: string, method: string, answer: Answered) => void {
  const ajv = new Ajv2020({ strict: true, strictTuples: false, strictTypes: false, allowUnionTypes: true });
  const { paths } = document as { paths: Record<string, Record<string, { responses: Record<string, Response> }>> };
  interface Response {
    readonly content: Record<string, { schema?: object }>;
  }
  return (path, method, { status, headers, json }) => {
    const { responses } = paths[path]?.[method.toLowerCase()] ?? assert.fail(`${method} ${path} is not described`);
    const { content } = responses[String(status)] ?? responses['default'] ?? assert.fail(`${status} of ${path}`);
    const type = (headers.get('content-type') ?? '').split(';')[0] ?? '';
    const described = content[type] ?? assert.fail(`${path} answers ${type}`);
    if (described.schema === undefined) return;
    const valid = ajv.compile(described.schema);
    assert.ok(
      valid(json),
      `${method} ${path}: ${JSON.stringify(valid.errors)} of ${JSON.stringify(json).slice(0, 2_000)}`,
    );
  };
}

let seq = 0;

function drone(id: string, fields: object = {}): object {
  seq += 1;
  const sink = { v: 1, epoch: EPOCH, seq };
  return {
    id,
    seen_by: KIT,
    observed_at: Date.now() / 1_000,
    lat: 42.1,
    lon: -71.1,
    alt: 90,
    rssi: -70,
    sink,
    ...fields,
  };
}

/** A little of everything. */
async function fill({ publish, ask }: Served): Promise<void> {
  const now = Date.now() / 1_000;
  await publish('wardragon/system/wardragon-A/attrs', {
    id: KIT,
    updated: Math.floor(now),
    cpu_usage: 5,
    latitude: 42,
    longitude: -71,
  });
  await publish('wardragon/drones', drone('drone-1', { description: HOSTILE, pilot_lat: 42, pilot_lon: -71 }));
  await publish(
    'wardragon/drones',
    drone('drone-1', { seen_by: 'wardragon-B', rssi: -50, sink: undefined, description: HOSTILE }),
  );
  for (let i = 0; i < 5; i += 1) await publish('wardragon/drones', drone(`drone-${i + 2}`));
  await publish('wardragon/aircraft', {
    icao: 'a00001',
    seen_by: KIT,
    alt: 1_000,
    lat: 42,
    lon: -71,
    observed_at: now,
  });
  for (const center_hz of [5.8e9, 5.74e9]) {
    await publish('wardragon/signals', {
      uid: `s-${center_hz}`,
      seen_by: KIT,
      center_hz,
      observed_at: now,
      signal_type: 'fpv',
    });
  }
  await publish('wardragon/drones', '<garbage>');
  await publish(`wardragon/sink/${KIT}/status`, kitStatus(KIT, 1));
  await eventually('all of it', async () => {
    const { json } = await ask('/api/signals');
    return (json as { signals: unknown[] }).signals.length === 2;
  });
}

/** Each once: the parameters are examples. */
const EXAMPLES: Readonly<Record<string, string>> = {
  kit: `/api/kits/${KIT}`,
  kitHealth: `/api/kits/${KIT}/health?limit=5`,
  tracks: '/api/tracks?path=50&limit=2',
  timeline: '/api/timeline?step=120',
  removeKit: '/api/kits/wardragon-B?data=true',
};

for (const [name, databaseUrl] of DATABASES) {
  describe(`the API on ${name}`, () => {
    test('answers as its OpenAPI document says, on every path', async (t) => {
      const served = await serve(t, databaseUrl(t));
      await fill(served);
      const document = (await served.ask('/api/openapi.json')).json;
      assert.deepEqual(document, JSON.parse(JSON.stringify(openApi(VERSION))));
      const check = checker(document);
      for (const [operation, { path, method, answer }] of Object.entries<Operation>(OPERATIONS)) {
        if (method !== 'GET' || answer === 'text/event-stream') continue;
        const answered = await served.ask(EXAMPLES[operation] ?? path);
        assert.equal(answered.status, 200, `${operation}: ${answered.text}`);
        check(path, method, answered);
        assert.equal(answered.headers.get('cache-control'), 'no-store');
        assert.match(
          answered.headers.get('content-security-policy') ?? '',
          /default-src 'none'.*frame-ancestors 'none'/,
        );
      }
      for (const [path, of] of [
        ['/api/nothing', null],
        ['/api/kits/no-kit', '/api/kits/{kit_id}'],
        ['/api/tracks?limit=0', '/api/tracks'],
        ['/api/tracks?from=0', '/api/tracks'],
      ] as const) {
        const refused = await served.ask(path);
        assert.ok(refused.status >= 400 && refused.status < 500, path);
        check(of ?? '/api/tracks', 'GET', refused);
      }

      const { kits } = (await served.ask('/api/kits')).json as { kits: Record<string, never>[] };
      const kit = kits.find(({ kit_id }) => kit_id === KIT) as unknown as {
        state: string;
        sink: { version: string; waiting: number };
      };
      assert.deepEqual([kit.state, kit.sink.version, kit.sink.waiting], ['online', '9.9.9', 2]);
      interface Tracks {
        readonly next: string | null;
        readonly tracks: {
          id: string;
          latest: { description: string };
          heard_by: { kit_id: string }[];
          path: unknown[];
        }[];
      }
      const found = new Map<string, Tracks['tracks'][number]>();
      for (let cursor = ''; ; ) {
        const { tracks, next } = (await served.ask(`/api/tracks?path=50&limit=2${cursor}`)).json as Tracks;
        for (const track of tracks) {
          assert.ok(!found.has(track.id), `${track.id} twice`);
          found.set(track.id, track);
        }
        if (next === null) break;
        cursor = `&cursor=${next}`;
      }
      assert.deepEqual([...found.keys()].sort(), ['A00001', ...[1, 2, 3, 4, 5, 6].map((n) => `drone-${n}`)]);
      assert.deepEqual(
        found.get('drone-1')?.heard_by.map(({ kit_id }) => kit_id),
        ['wardragon-B', KIT],
      );
      assert.equal(found.get('drone-1')?.path.length, 2);
      const csv = await served.ask('/api/tracks.csv?id=drone-1');
      assert.match(
        csv.headers.get('content-disposition') ?? '',
        /^attachment; filename="dragonsink-tracks-\d{8}T\d{6}Z\.csv"$/,
      );
      assert.ok(csv.text.includes(`"'=cmd|' /C calc'!A0 <script>`));
      const { features } = (await served.ask('/api/tracks.geojson')).json as {
        features: { properties: { description: string } }[];
      };
      assert.ok(features.some(({ properties }) => properties.description === HOSTILE));
      const kml = await served.ask('/api/tracks.kml');
      assert.ok(kml.text.includes('&lt;script&gt;') && !kml.text.includes('<script'));
    });

    test('tells live what was committed, once and in order, also to a page that was away', async (t) => {
      const served = await serve(t, databaseUrl(t));
      await served.publish('wardragon/drones', drone('before'));
      const { event_id, tracks } = await eventually('the first', async () => {
        const answer = (await served.ask('/api/tracks')).json as { event_id: string; tracks: { id: string }[] };
        return answer.tracks.length > 0 && answer;
      });
      assert.deepEqual(
        tracks.map(({ id }) => id),
        ['before'],
      );
      const sent: string[] = [];
      const heard: string[] = [];
      const send = async (n: number): Promise<void> => {
        for (let i = 0; i < n; i += 1) {
          const message = drone(`live-${sent.length}`);
          sent.push(`live-${sent.length}`);
          await served.publish('wardragon/drones', message);
          // And once more, as kits do: it is refused, and told nobody.
          await served.publish('wardragon/drones', message);
        }
      };
      await send(5);
      let lastId = event_id;
      let reader = new EventReader(served.origin, `/api/events?after=${event_id}`);
      for (let turn = 0; turn < 4; turn += 1) {
        await send(10);
        if (turn < 3) {
          await reader.close();
          heard.push(...idsIn(reader));
          await send(10);
          // As a browser: one that heard nothing goes on from where the one before it was.
          if (reader.lastId !== '') lastId = reader.lastId;
          reader = new EventReader(served.origin, '/api/events', lastId);
        }
      }
      await eventually('all that was sent', () => heard.length + idsIn(reader).length >= sent.length);
      await reader.close();
      heard.push(...idsIn(reader));
      assert.deepEqual(heard, sent);
      const rows = (await served.ask('/api/tracks?limit=500')).json as { tracks: unknown[] };
      assert.equal(rows.tracks.length, sent.length + 1);
    });

    test('lets operators act, and nobody else', async (t) => {
      const served = await serve(t, databaseUrl(t));
      await fill(served);
      const api = new SimulatedDragonSync({ world: createWorld({ drones: 1, nowS: () => Date.now() / 1_000 }) });
      const apiUrl = await api.start();
      t.after(() => api.stop());
      const check = checker((await served.ask('/api/openapi.json')).json);

      const viewer = await served.ask(`/api/kits/${KIT}`, {
        method: 'PATCH',
        headers: { 'content-type': 'application/json' },
        body: '{"name":"x"}',
      });
      assert.deepEqual([viewer.status, (viewer.json as { error: { code: string } }).error.code], [403, 'operator']);
      const login = await served.ask('/api/login', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ token: TOKEN }),
      });
      check('/api/login', 'POST', login);
      const cookie = (login.headers.get('set-cookie') ?? '').split(';')[0] ?? '';
      const { csrf } = login.json as { csrf: string };
      const rename = (headers: Record<string, string>): Promise<Answered> =>
        served.ask(`/api/kits/${KIT}`, {
          method: 'PATCH',
          headers: { 'content-type': 'application/json', cookie, ...headers },
          body: JSON.stringify({ name: HOSTILE.slice(0, 150), location: 'the roof' }),
        });
      assert.equal((await rename({})).status, 403);
      const renamed = await rename({ 'x-csrf-token': csrf });
      check('/api/kits/{kit_id}', 'PATCH', renamed);
      const { name: newName, location } = renamed.json as { name: string; location: string };
      assert.deepEqual([newName, location], [HOSTILE.slice(0, 150), 'the roof']);
      assert.equal((await served.ask('/api/session', { headers: { cookie } })).text.includes('"operator"'), true);
      await served.ask('/api/logout', { method: 'POST', headers: { cookie, 'x-csrf-token': csrf } });
      assert.equal((await rename({ 'x-csrf-token': csrf })).status, 403);

      const tested = await served.act('POST', '/api/kits/test', { api_url: apiUrl });
      check('/api/kits/test', 'POST', tested);
      const { ok, kit_id: found } = tested.json as { ok: boolean; kit_id: string };
      assert.ok(ok, tested.text);
      const away = await served.act('POST', '/api/kits/test', { api_url: `http://127.0.0.1:${await freePort()}` });
      assert.deepEqual([away.status, (away.json as { ok: boolean }).ok], [200, false]);
      const added = await served.act('POST', '/api/kits', { kit_id: found, api_url: apiUrl, name: 'Polled' });
      assert.equal(added.status, 201, added.text);
      check('/api/kits', 'POST', added);
      for (const body of [
        { kit_id: 'a/b', api_url: apiUrl },
        { kit_id: 'x', api_url: 'file:///etc/passwd' },
      ]) {
        assert.equal((await served.act('POST', '/api/kits', body)).status, 400);
      }
      const disabled = await served.act('PATCH', `/api/kits/${found}`, { enabled: false });
      assert.equal((disabled.json as { enabled: boolean }).enabled, false);
      assert.equal((await served.act('PATCH', '/api/kits/nobody', { enabled: false })).status, 404);

      const removed = await served.act('DELETE', `/api/kits/${KIT}?data=true`);
      check('/api/kits/{kit_id}', 'DELETE', removed);
      assert.equal((removed.json as { removed: { drones: number } }).removed.drones, 7);
      assert.equal((await served.ask(`/api/kits/${KIT}`)).status, 404);
      const none = (await served.ask(`/api/tracks?kit=${KIT}`)).json as { tracks: unknown[] };
      assert.deepEqual(none.tracks, []);
      assert.equal((await served.ask('/metrics')).status, 200);
      const rebound = await served.ask('/metrics', { headers: { 'x-forwarded-for': '203.0.113.1' } });
      assert.equal(rebound.status, 401);
    });
  });
}

/** Without what the snapshot had, which may be told once more: a page knows it by its time. */
function idsIn({ events }: EventReader): string[] {
  const news = events.filter(({ name }) => name === 'news');
  const ids = news.flatMap(({ data }) => (data['messages'] as { id: string }[]).map(({ id }) => id));
  return ids.filter((id) => id !== 'before');
}

describe('an outage', () => {
  test('of the database and the broker is told, and what was known is still shown', async (t) => {
    const served = await serve(t, postgres().createDatabase());
    await fill(served);
    assert.equal((await served.ask('/api/kits')).status, 200);
    const reader = new EventReader(served.origin);
    t.after(() => reader.close());
    const sides = (): unknown => {
      const { data } = reader.events.filter(({ name }) => name === 'server').at(-1) ?? {};
      const { broker, database } = (data ?? {}) as { broker?: { ok: boolean }; database?: { ok: boolean } };
      return [broker?.ok, database?.ok];
    };
    await eventually('the first word', () => JSON.stringify(sides()) === '[true,true]');
    await postgres().pgCtl('stop', '-m', 'immediate');
    try {
      await served.publish('wardragon/drones', drone('in-an-outage'));
      await eventually('its word of the database', () => JSON.stringify(sides()) === '[true,false]');
      const kits = (await served.ask('/api/kits')).json as {
        as_of: string;
        database: { ok: boolean };
        kits: unknown[];
      };
      assert.deepEqual([kits.database.ok, kits.kits.length, typeof kits.as_of], [false, 2, 'string']);
      const tracks = await served.ask('/api/tracks');
      assert.deepEqual([tracks.status, (tracks.json as { error: { code: string } }).error.code], [503, 'database']);
      const health = (await served.ask('/api/health')).json as { ready: boolean; database: { ok: boolean } };
      assert.deepEqual([health.ready, health.database.ok], [false, false]);
      await served.broker.kill();
      await eventually('its word of the broker', () => JSON.stringify(sides()) === '[false,false]');
      assert.equal((await served.ask('/api/session')).status, 200);
    } finally {
      await postgres().pgCtl('start');
    }
    await eventually('its word that the database is back', () => JSON.stringify(sides()) === '[false,true]', 40_000);
    const found = (await served.ask('/api/tracks?id=in-an-outage')).json as { tracks: unknown[] };
    assert.equal(found.tracks.length, 1);
  });
});

describe('an address that others reach', () => {
  test('is not served without a token, and with one shows nothing to who has not logged in', async (t) => {
    const port = await freePort();
    const env = { HTTP_HOST: '0.0.0.0', HTTP_PORT: String(port), DATABASE_URL: `sqlite:${join(tempFolder(t), 'db')}` };
    const refused = runDragonsink(t, ['server'], env);
    const code = await new Promise((resolve) => refused.child.once('close', resolve));
    assert.equal(code, 78);
    assert.match(refused.log(), /HTTP_HOST.*HTTP_TOKEN_FILE/s);
    const served = await serve(t, env.DATABASE_URL, { HTTP_HOST: '0.0.0.0' });
    for (const path of ['/api/kits', '/api/tracks', '/api/events', '/metrics', '/api/openapi.json']) {
      assert.equal((await served.ask(path)).status, 401, path);
    }
    for (const path of ['/healthz', '/readyz', '/api/session'])
      assert.equal((await served.ask(path)).status, 200, path);
    assert.equal((await served.act('GET', '/api/kits')).status, 200);
    assert.equal((await served.act('GET', '/metrics')).status, 200);
    assert.ok(!served.server.log().includes(TOKEN));
  });
});
