// What droneid-go and DragonSig publish of their radios, and what else may come on their ports.
import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { readHealth } from '../../../../src/kit/receivers/health.js';
import { isBroken, MAX_RECEIVERS, receivers } from '../../../../src/schema/receivers.js';

const WIFI = {
  name: 'WiFi',
  enabled: true,
  state_str: 'connected',
  messages_total: 812,
  messages_per_sec: 1.5,
  errors_recent: 2,
  last_message_time: 1795447811.3635893,
  dropped: 7,
};

const droneid = (sources: unknown): unknown => ({ Health: { version: '0.3.0', sources } });

test('each source of droneid-go is a receiver', () => {
  const ble = { name: 'BLE', enabled: true, state_str: 'dead', messages_total: 0, errors_recent: 40 };
  const uart = { name: 'UART', enabled: false, state_str: 'connecting', last_message_time: '0001-01-01T00:00:00Z' };
  deepEqual(readHealth(droneid({ wifi: WIFI, ble, uart })), {
    wifi: {
      enabled: true,
      state: 'connected',
      last_message_at: '2026-11-23T15:30:11.363Z',
      messages: 812,
      errors: 2,
      dropped: 7,
    },
    ble: { enabled: true, state: 'dead', last_message_at: null, messages: 0, errors: 40, dropped: null },
    uart: { enabled: false, state: 'disabled', last_message_at: null, messages: null, errors: null, dropped: null },
  });
  const text = readHealth(droneid({ wifi: { ...WIFI, last_message_time: '2026-11-23T15:30:11.363589Z' } }));
  equal(text?.['wifi']?.last_message_at, '2026-11-23T15:30:11.363Z');
});

test('DragonSig is one receiver, well as long as its radio is', () => {
  const health = { version: '1', phase: 'fpv', sdr_ok: true, fpv_detections: 3, sik_detections: 4, gain_db: 40 };
  const expected = {
    enabled: true,
    state: 'connected',
    last_message_at: null,
    messages: 7,
    errors: null,
    dropped: null,
  };
  deepEqual(readHealth({ Health: health }), { dragonsig: expected });
  equal(readHealth({ Health: { ...health, sdr_ok: false } })?.['dragonsig']?.state, 'error');
});

test('what is no health is none', () => {
  for (const other of [null, 7, 'Health', [], {}, { Health: null }, { Health: [] }, [{ 'Basic ID': {} }]]) {
    equal(readHealth(other), null, JSON.stringify(other));
  }
});

test('whatever comes is what the schema allows', () => {
  const hostile = [
    { name: '\u0000\u001b[2J', enabled: 'maybe', state_str: { a: 1 }, messages_total: -1, errors_recent: 1e300 },
    { name: 'x'.repeat(500), state_str: 'ALL WRONG!', last_message_time: 1e300, dropped: '9' },
    { last_message_time: Number.NaN, messages_total: 1.5 },
    null,
    [],
  ];
  const sources = Object.fromEntries(
    Array.from({ length: 40 }, (_, i) => [`source ${i}`, hostile[i % hostile.length]] as const),
  );
  for (const message of [droneid(sources), droneid([]), droneid({}), { Health: { x_detections: 'many' } }]) {
    const read = readHealth(message);
    ok(receivers.safeParse(read).success, JSON.stringify(read));
    ok(Object.keys(read ?? {}).length <= MAX_RECEIVERS);
  }
});

test('broken is what is meant to be in use and is not; what still tries to connect is not broken', () => {
  const states = ['connected', 'connecting', 'reconnecting', 'unknown', 'error', 'dead', 'silent'];
  deepEqual(
    states.filter((state) => isBroken({ enabled: true, state })),
    ['error', 'dead', 'silent'],
  );
  ok(!isBroken({ enabled: false, state: 'dead' }));
});
