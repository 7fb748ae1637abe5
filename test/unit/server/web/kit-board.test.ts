// How kits are shown: what is known of each put together, what is the matter first, and what was last known in an outage.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Receivers } from '../../../../src/schema/receivers.js';
import type { KitStatus } from '../../../../src/schema/status.js';
import { kit as kitSchema } from '../../../../src/schema/web/answers.js';
import type { Kit } from '../../../../src/server/kits.js';
import type { HealthRow, Reads } from '../../../../src/server/reads.js';
import type { LedgerEntry } from '../../../../src/server/store.js';
import { KitBoard } from '../../../../src/server/web/kit-board.js';
import { KitSinks } from '../../../../src/server/web/live/kit-sinks.js';

const NOW_MS = Date.parse('2026-11-23T15:30:00Z');

function kit(kitId: string, over: Partial<Kit> = {}): Kit {
  const known = { name: kitId, location: null, apiUrl: null, source: 'mqtt', status: 'online', enabled: true };
  return { kitId, ...known, lastSeenUs: (NOW_MS - 1_000) * 1_000, createdUs: (NOW_MS - 3_600_000) * 1_000, ...over };
}

function health(kitId: string, over: Partial<HealthRow> = {}): HealthRow {
  const unknown = {
    alt: null,
    memory_percent: null,
    disk_percent: null,
    uptime_hours: null,
    temp_cpu: null,
    temp_gpu: null,
  };
  const more = { pluto_temp: null, zynq_temp: null, speed: null, track: null, time_source: null, gpsd_time_utc: null };
  const known = {
    kit_id: kitId,
    time: '2026-11-23T15:29:50.000000Z',
    lat: 39,
    lon: -104,
    cpu_percent: 5,
    gps_fix: true,
    late: false,
  };
  return { ...unknown, ...more, ...known, ...over };
}

function entry(kitId: string, over: Partial<LedgerEntry> = {}): LedgerEntry {
  return {
    ...{ kitId, epoch: '00000001aaaaaaaa', kind: 'drone', received: [[1, 10]], next: 11, evicted: [], quarantined: [] },
    ...{ waiting: [], missing: [], refused: 2, merged: 1, rejected: 0, lastContactUs: 0 },
    ...over,
  };
}

interface Given {
  readonly kits: Kit[];
  readonly health?: HealthRow[];
  readonly positions?: HealthRow[];
  readonly ledger?: LedgerEntry[];
}

function readsOf(given: Given, asked: string[] = []): Reads {
  const answer =
    <T>(name: string, value: T) =>
    async (): Promise<T> => {
      asked.push(name);
      return value;
    };
  return {
    kits: answer('kits', given.kits),
    latestHealth: answer('health', given.health ?? []),
    latestPositions: answer('positions', given.positions ?? []),
    ledger: answer('ledger', given.ledger ?? []),
  } as unknown as Reads;
}

function status(
  n: number,
  over: { waiting?: number; delivered?: number; link?: object; source?: string; receivers?: Receivers } = {},
): KitStatus {
  const spool = { waiting: over.waiting ?? 0, handed_over: 0, bytes: 4_096, oldest_at: null };
  const counted = { accepted: 0, resent: 0, refused: 0, evicted: {}, evicted_handed_over: {} };
  return {
    ...{
      v: 1,
      kit_id: 'A',
      version: '0.1.0',
      time: new Date(NOW_MS).toISOString(),
      clock_offset_s: null,
      opening: 'o',
      n,
    },
    ...{ ledger: [], spool, counts: { ...counted, delivered: over.delivered ?? 0 } },
    link: { connected: true, reconnects: 0, ...over.link },
    source: { state: over.source ?? 'ok' },
    ...(over.receivers === undefined ? {} : { receivers: over.receivers }),
  };
}

async function shown(given: Given, sinks = new KitSinks()) {
  const list = await new KitBoard(sinks, () => NOW_MS).list(readsOf(given));
  for (const one of list.kits) kitSchema.strict().parse(one);
  return list;
}

async function problemsOf(given: Given, sinks?: KitSinks): Promise<string[]> {
  const { kits } = await shown(given, sinks);
  for (const { problems } of kits) {
    for (const { message, hint } of problems) assert.ok(message !== '' && hint !== '', JSON.stringify(problems));
  }
  return kits[0]?.problems.map(({ severity, code }) => `${severity} ${code}`) ?? [];
}

describe('a kit', () => {
  test('that is well has all that is known of it, and no problem', async () => {
    const sinks = new KitSinks();
    sinks.take(status(1), NOW_MS);
    const ledger = [
      entry('A'),
      entry('A', {
        kind: 'system',
        received: [
          [1, 5],
          [7, 7],
        ],
        waiting: [[8, 9]],
      }),
    ];
    const { kits, as_of, database } = await shown({ kits: [kit('A')], health: [health('A')], ledger }, sinks);
    assert.deepEqual([as_of, database], [new Date(NOW_MS).toISOString(), { ok: true, problem: null }]);
    const [one] = kits;
    assert.deepEqual([one?.state, one?.source, one?.problems], ['online', 'mqtt', []]);
    assert.deepEqual(one?.position, { lat: 39, lon: -104, alt: null, at: '2026-11-23T15:29:50.000000Z' });
    const sums = {
      received: 16,
      waiting: 2,
      missing: 0,
      evicted: 0,
      quarantined: 0,
      refused: 4,
      merged: 2,
      rejected: 0,
    };
    assert.deepEqual(one?.ledger, sums);
    assert.equal(one?.sink?.version, '0.1.0');
  });

  test('a replay tells how it was, and does not move it', async () => {
    const late = health('A', { lat: 37, late: true });
    const { kits } = await shown({ kits: [kit('A')], health: [late], positions: [health('A', { lat: 38 })] });
    assert.deepEqual([kits[0]?.position?.lat, kits[0]?.health?.lat], [38, 37]);
    const alone = await shown({ kits: [kit('A')], health: [late] });
    assert.equal(alone.kits[0]?.position?.lat, 37, 'nothing else is known');
  });

  test('without a fix stands where it stood last', async () => {
    const lost = health('A', { lat: null, lon: null, gps_fix: false });
    const { kits } = await shown({ kits: [kit('A')], health: [lost], positions: [health('A', { lat: 38 })] });
    assert.deepEqual([kits[0]?.position?.lat, kits[0]?.health?.lat], [38, null]);
    assert.deepEqual(
      kits[0]?.problems.map(({ code }) => code),
      ['gps'],
    );
  });

  const silent = (s: number): Partial<Kit> => ({ lastSeenUs: (NOW_MS - s * 1_000) * 1_000 });
  const states: [what: string, over: Partial<Kit>, state: string, problems: string[]][] = [
    ['heard lately', silent(89), 'online', []],
    ['not heard for a while', silent(91), 'stale', ['warning stale']],
    ['not heard for long', silent(181), 'offline', ['error offline']],
    ['that said goodbye', { status: 'offline' }, 'offline', ['error offline']],
    ['whose API makes no sense', { status: 'error', source: 'http' }, 'offline', ['error api']],
    [
      'never heard',
      { lastSeenUs: null, status: 'offline', source: 'http', apiUrl: 'http://x' },
      'offline',
      ['error offline'],
    ],
    [
      'added just now',
      { lastSeenUs: null, status: 'offline', source: 'http', apiUrl: 'http://x', createdUs: NOW_MS * 1_000 },
      'offline',
      [],
    ],
    ['disabled', { ...silent(9_999), enabled: false, source: 'http' }, 'offline', ['warning disabled']],
    [
      'disabled before it ever answered',
      { lastSeenUs: null, status: 'offline', enabled: false, source: null, apiUrl: 'http://x' },
      'offline',
      ['warning disabled'],
    ],
  ];
  for (const [what, over, state, problems] of states) {
    test(`${what} is ${state}`, async () => {
      const given = { kits: [kit('A', over)] };
      assert.equal((await shown(given)).kits[0]?.state, state);
      assert.deepEqual(await problemsOf(given), problems);
    });
  }

  test('says what is the matter with its ledger, its spool, its link and itself', async () => {
    const ledger = [entry('A', { missing: [[3, 4]], evicted: [[1, 1]], quarantined: [[2, 2]] })];
    assert.deepEqual(await problemsOf({ kits: [kit('A')], ledger }), ['error missing'], 'old losses are on record');
    const link = { store_conflict: 's', deaf: true, denied: ['drone'], tls_insecure: true };
    const sinks = new KitSinks();
    sinks.take(status(1, { link, source: 'down' }), NOW_MS);
    assert.deepEqual(await problemsOf({ kits: [kit('A')] }, sinks), [
      ...['error store-conflict', 'error deaf', 'error denied', 'error source'],
      'warning insecure',
    ]);
    const radio = { enabled: true, state: 'connected', last_message_at: null, messages: 9, errors: 0, dropped: 0 };
    const receivers = {
      wifi: radio,
      ble: { ...radio, state: 'dead' },
      sdr: { ...radio, enabled: false, state: 'dead' },
    };
    sinks.take(status(2, { source: 'polling', receivers }), NOW_MS);
    const [deadRadio, ...others] = (await shown({ kits: [kit('A')] }, sinks)).kits[0]?.problems ?? [];
    assert.match(deadRadio?.message ?? '', /: ble \(dead\)$/);
    assert.deepEqual(
      others.map(({ severity, code }) => `${severity} ${code}`),
      ['warning source'],
    );
    const hot = health('A', { disk_percent: 98, temp_cpu: 90, memory_percent: 99, cpu_percent: 100 });
    assert.deepEqual(await problemsOf({ kits: [kit('A')], health: [hot] }), [
      ...['error disk', 'warning temperature', 'warning memory', 'warning cpu'],
    ]);
    const old = { ...hot, time: '2026-11-23T14:00:00.000000Z' };
    assert.deepEqual(await problemsOf({ kits: [kit('A')], health: [old] }), []);
  });
});

test('what a kit gives up or sets aside is a problem while it is new, and for a day', async () => {
  const sinks = new KitSinks();
  const said = (n: number, evicted: number, quarantined: number, opening = 'o'): KitStatus => {
    const { counts, spool, ...rest } = status(n);
    return { ...rest, opening, counts: { ...counts, evicted: { drone: evicted } }, spool: { ...spool, quarantined } };
  };
  const at = (ms: number): (boolean | undefined)[] => {
    const { evicting, quarantining } = sinks.get('A', NOW_MS + ms) ?? {};
    return [evicting, quarantining];
  };
  sinks.take(said(1, 5, 2), NOW_MS);
  assert.deepEqual(at(0), [false, false], 'what was before we listened');
  sinks.take(said(2, 5, 3), NOW_MS);
  assert.deepEqual(at(0), [false, true]);
  sinks.take(said(3, 6, 3), NOW_MS);
  assert.deepEqual(await problemsOf({ kits: [kit('A')] }, sinks), ['warning evicting', 'warning quarantined']);
  assert.deepEqual(at(86_400_000), [false, false]);
  // Started again: what it gave up is counted anew, what it set aside is still there.
  sinks.take(said(1, 0, 3, 'p'), NOW_MS + 86_400_000);
  assert.deepEqual(at(86_400_000), [false, false]);
  const time = new Date(NOW_MS + 86_400_000).toISOString();
  sinks.take({ ...said(2, 1, 3, 'p'), time }, NOW_MS + 86_400_000);
  assert.deepEqual(at(86_400_000), [true, false]);
});

test('times in problems are to the minute', async () => {
  const { kits } = await shown({ kits: [kit('A', { lastSeenUs: (NOW_MS - 91_000) * 1_000 })] });
  assert.equal(kits[0]?.problems[0]?.message, 'not heard since 2026-11-23 15:28 UTC');
});

describe('a spool', () => {
  test('has a depth, a trend and a rate, by what its kit says one time after another', () => {
    const sinks = new KitSinks();
    for (let i = 0; i <= 4; i += 1) sinks.take(status(i, { waiting: i * 100, delivered: i * 60 }), NOW_MS + i * 30_000);
    const { sink } = sinks.get('A', NOW_MS + 120_000) ?? {};
    assert.deepEqual([sink?.waiting, sink?.trend_per_min, sink?.delivered_per_s], [400, 200, 2]);
    assert.deepEqual(
      sink?.depth.map(([, waiting]) => waiting),
      [0, 100, 200, 300, 400],
    );
    // What the broker repeats is no news; a kit that was started again is.
    sinks.take(status(2, { waiting: 7 }), NOW_MS + 130_000);
    assert.equal(sinks.get('A', NOW_MS + 130_000)?.sink.waiting, 400);
    sinks.take({ ...status(1, { waiting: 7 }), opening: 'p' }, NOW_MS + 150_000);
    assert.deepEqual(
      [sinks.get('A', NOW_MS + 150_000)?.sink.waiting, sinks.get('A', NOW_MS)?.sink.delivered_per_s],
      [7, null],
    );
  });

  test('of a kit that is long gone is as old as it is', () => {
    const sinks = new KitSinks();
    sinks.take(status(1), NOW_MS + 3_600_000);
    assert.equal(sinks.get('A', NOW_MS + 3_600_000)?.sink.said_at, new Date(NOW_MS).toISOString());
  });

  test('is kept for a bounded number of kits', () => {
    const sinks = new KitSinks();
    for (let i = 0; i <= 1_000; i += 1) sinks.take({ ...status(1), kit_id: `kit-${i}` }, NOW_MS);
    assert.deepEqual([sinks.get('kit-0', NOW_MS), sinks.get('kit-1', NOW_MS) === null], [null, false]);
  });
});

describe('the list of kits', () => {
  test('has those first that have a problem, then goes by name', async () => {
    const kits = [
      ...[kit('z'), kit('b', { name: 'Älpli' }), kit('c', { status: 'offline' }), kit('d')],
      kit('e', { lastSeenUs: (NOW_MS - 100_000) * 1_000 }),
    ];
    const list = await shown({ kits });
    assert.deepEqual(
      list.kits.map(({ kit_id }) => kit_id),
      ['c', 'e', 'b', 'd', 'z'],
    );
  });

  test('is read once for all who ask at the same time, and again after a change', async () => {
    const asked: string[] = [];
    const board = new KitBoard(new KitSinks(), () => NOW_MS);
    const reads = readsOf({ kits: [kit('A')] }, asked);
    await Promise.all([board.list(reads), board.list(reads), board.find(reads, 'A')]);
    await board.list(reads);
    assert.deepEqual(asked, ['kits', 'health', 'ledger']);
    board.expire();
    assert.equal((await board.find(reads, 'A'))?.kit_id, 'A');
    assert.equal(await board.find(reads, 'B'), null);
    assert.equal(asked.length, 6);
  });

  test('in an outage is what it was, and says so', async () => {
    let nowMs = NOW_MS;
    const board = new KitBoard(new KitSinks(), () => nowMs);
    assert.deepEqual(await board.list('not open yet'), {
      as_of: null,
      database: { ok: false, problem: 'not open yet' },
      kits: [],
    });
    await board.list(readsOf({ kits: [kit('A')] }));
    nowMs += 10_000;
    const away = { kits: () => Promise.reject(new Error('connection refused')) } as unknown as Reads;
    const list = await board.list({ ...readsOf({ kits: [] }), ...away });
    assert.deepEqual(
      [list.as_of, list.database.problem, list.kits.length],
      [new Date(NOW_MS).toISOString(), 'connection refused', 1],
    );
  });

  test('of a database that hangs is what it was, after a moment', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    let nowMs = NOW_MS;
    const board = new KitBoard(new KitSinks(), () => nowMs);
    await board.list(readsOf({ kits: [kit('A')] }));
    nowMs += 10_000;
    let answer = (_: Kit[]): void => {};
    const kits = new Promise<Kit[]>((resolve) => {
      answer = resolve;
    });
    const reads = { ...readsOf({ kits: [] }), kits: () => kits };
    const asked = board.list(reads);
    t.mock.timers.tick(3_000);
    const list = await asked;
    assert.deepEqual([list.database.problem, list.kits[0]?.kit_id], ['no answer within 3 s', 'A']);
    // What it says in the end the next one is shown.
    answer([kit('B')]);
    assert.equal((await board.list(reads)).kits[0]?.kit_id, 'B');
  });
});
