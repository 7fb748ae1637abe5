// From a request to its answer: what is refused, what is broken off, and what is never told.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { type TestContext, test } from 'node:test';
import { StoreError } from '../../../../src/base/errors.js';
import { TRACK_COLUMNS } from '../../../../src/schema/web/shapes.js';
import type { Reads, TrackRow } from '../../../../src/server/reads.js';
import type { Store } from '../../../../src/server/store.js';
import { Access } from '../../../../src/server/web/access.js';
import { Api } from '../../../../src/server/web/api.js';
import { Health } from '../../../../src/server/web/health.js';
import { KitBoard } from '../../../../src/server/web/kit-board.js';
import { EventHub } from '../../../../src/server/web/live/event-hub.js';
import { KitSinks } from '../../../../src/server/web/live/kit-sinks.js';
import { LiveFeed } from '../../../../src/server/web/live/live-feed.js';
import { MemoryLog } from '../../../fixtures/memory-log.js';

interface Served {
  readonly port: number;
  readonly log: MemoryLog;
  ask(path: string, options?: RequestInit): Promise<{ status: number; text: string; code: string }>;
}

async function serve(t: TestContext, reads: Partial<Reads> | null): Promise<Served> {
  const hub = new EventHub();
  const sinks = new KitSinks();
  const log = new MemoryLog();
  const api = new Api(
    {
      serverId: 'test',
      store: () => (reads === null ? null : ({ reads } as unknown as Store)),
      health: new Health(),
      access: new Access({ isLocal: true, token: null, isProxy: () => false }),
      hub,
      feed: new LiveFeed(hub, sinks, () => {}),
      sinks,
      board: new KitBoard(sinks),
      tiles: { url: '', attribution: '' },
    },
    log,
  );
  const server = createServer((request, response) => void api.answer(request, response)).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  t.after(() => {
    hub.close();
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const ask = async (
    path: string,
    options: RequestInit = {},
  ): Promise<{ status: number; text: string; code: string }> => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, options);
    const text = await response.text();
    const { error } = (text.startsWith('{"error"') ? JSON.parse(text) : {}) as { error?: { code: string } };
    return { status: response.status, text, code: error?.code ?? '' };
  };
  return { port, log, ask };
}

test('an error of ours is told nobody, and logged with where it was', async (t) => {
  const { ask, log } = await serve(t, {
    rejects: () => Promise.reject(new Error('secret /path')),
    rejectCounts: async () => new Map(),
  });
  const { status, text, code } = await ask('/api/rejects');
  assert.deepEqual([status, code], [500, 'internal']);
  assert.doesNotMatch(text, /secret|path/);
  assert.match(log.texts.join(), /secret \/path/);
  assert.match(String(log.lines[0]?.fields['stack']), /api\.test/);
});

test('a database that is away, or not open yet, is said to be', async (t) => {
  const away = await serve(t, {
    ledger: () => Promise.reject(new StoreError('connection refused', { code: 'unavailable' })),
  });
  const { status, code, text } = await away.ask('/api/ledger');
  assert.deepEqual([status, code], [503, 'database']);
  assert.match(text, /connection refused/);
  const closed = await serve(t, null);
  assert.deepEqual([(await closed.ask('/api/tracks')).code, (await closed.ask('/api/kits')).status], ['database', 200]);
  assert.deepEqual(away.log.texts, []);
});

test('what is asked for beyond all bounds is refused', async (t) => {
  const { ask } = await serve(t, { countTracks: async (_, atMost) => atMost + 1 });
  const { status, code } = await ask('/api/tracks.csv');
  assert.deepEqual([status, code], [413, 'large']);
  // Whoever gets that gets no file.
  const response = await ask('/api/tracks.kml', { method: 'HEAD' });
  assert.equal(response.status, 413);
});

test('a file that can not be finished is broken off, so that nobody takes it for whole', async (t) => {
  const row = {
    ...Object.fromEntries(TRACK_COLUMNS.map((name) => [name, null])),
    kind: 'drone',
    id: 'x',
    kit_id: 'k',
    time: '',
  };
  let pages = 0;
  const { ask } = await serve(t, {
    countTracks: async () => 20_000,
    trackRows: async (_, limit) => {
      pages += 1;
      if (pages > 1) throw new StoreError('gone', { code: 'unavailable' });
      return Array.from({ length: limit }, () => row as unknown as TrackRow);
    },
  });
  await assert.rejects(ask('/api/tracks.csv'), /terminated|fetch failed/);
  assert.equal(pages, 2);
});

test('a timeline of many kits has longer steps, and is never cut', async (t) => {
  const asked: number[] = [];
  let left = 0;
  const { ask } = await serve(t, {
    kits: async () => Array.from({ length: 100 }, () => ({})) as never,
    buckets: async (_, stepS, __, limit) => {
      asked.push(stepS);
      const bucket = { at: 0, kit_id: 'k', kind: 'drone' as const, messages: 1, late: 0, latency_ms: null };
      left -= 1;
      return Array.from({ length: left >= 0 ? limit : 1 }, () => bucket);
    },
  });
  const stepOf = async (query: string): Promise<number> => {
    asked.length = 0;
    return (JSON.parse((await ask(`/api/timeline?${query}`)).text) as { step_s: number }).step_s;
  };
  const day = 'from=2026-11-22T00:00:00Z&to=2026-11-23T00:00:00Z&step=60';
  const many = await stepOf(day);
  assert.ok((86_400 / many + 1) * 100 * 4 <= 100_000, String(many));
  assert.equal(await stepOf(`${day}&kit=k`), 60, 'of one kit');
  // Rows of more kits than the list has.
  left = 2;
  assert.equal(await stepOf(day), many * 4);
  assert.deepEqual(asked, [many, many * 2, many * 4]);
});

test('too many requests at once are told to come again, and then may', async (t) => {
  let go = (): void => {};
  const held = new Promise<void>((resolve) => {
    go = resolve;
  });
  const { ask } = await serve(t, {
    ledger: async () => {
      await held;
      return [];
    },
  });
  const asked = Array.from({ length: 70 }, () => ask('/api/health'));
  await Promise.all(asked);
  const waiting = Array.from({ length: 64 }, () => ask('/api/ledger').catch(() => null));
  let code = '';
  for (let i = 0; i < 100 && code !== 'busy'; i += 1) code = (await ask('/api/health')).code;
  assert.equal(code, 'busy');
  go();
  await Promise.all(waiting);
  assert.equal((await ask('/api/health')).status, 200);
});

test('whoever is slow to say what they want holds back nobody', async (t) => {
  const { ask, port } = await serve(t, {});
  const slow = Array.from({ length: 100 }, () => {
    const socket = connect(port, '127.0.0.1');
    socket.write(
      'POST /api/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{',
    );
    return socket;
  });
  t.after(() => slow.forEach((socket) => void socket.destroy()));
  await Promise.all(slow.map((socket) => new Promise((resolve) => socket.once('connect', resolve))));
  for (let i = 0; i < 10; i += 1) assert.equal((await ask('/api/health')).status, 200);
});

test('of files a few are written at once, however slowly they are read, and others are told to come again', async (t) => {
  let go = (): void => {};
  const held = new Promise<void>((resolve) => {
    go = resolve;
  });
  let begun = 0;
  const { ask } = await serve(t, {
    countTracks: async () => 1,
    trackRows: async () => {
      begun += 1;
      await held;
      return [];
    },
  });
  const files = Array.from({ length: 4 }, () => ask('/api/tracks.kml'));
  for (let i = 0; i < 200 && begun < 4; i += 1) await new Promise((resolve) => setTimeout(resolve, 10));
  assert.deepEqual([begun, (await ask('/api/tracks.csv')).code], [4, 'busy']);
  assert.equal((await ask('/api/health')).status, 200);
  go();
  for (const { status } of await Promise.all(files)) assert.equal(status, 200);
  assert.equal((await ask('/api/tracks.csv')).status, 200);
  assert.deepEqual((await ask('/api/tracks.csv', { method: 'HEAD' })).text, '');
});

test('a request that is none of HTTP as it should be costs nobody anything', async (t) => {
  const { ask, port } = await serve(t, {});
  for (const text of [
    'GET /api/%ZZ HTTP/1.1\r\nHost: x\r\n\r\n',
    'nonsense\r\n\r\n',
    'GET /api/kits HTTP/1.1\r\n\r\n',
  ]) {
    const socket = connect(port, '127.0.0.1');
    socket.end(text);
    await new Promise((resolve) => socket.once('close', resolve).resume());
  }
  assert.equal((await ask('/api/session')).status, 200);
  assert.equal((await ask('/api/events', { method: 'HEAD' })).status, 405);
});
