// What a kit says of itself: its half of the ledger above all.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type KitStatus, kitStatus } from '../../../src/schema/status.js';

const ENTRY: KitStatus['ledger'][number] = {
  epoch: '00000001a1b2c3d4',
  kind: 'drone',
  floor: 10,
  next: 20,
  evicted: [[1, 3]],
  quarantined: [[5, 5]],
};

const RECEIVER = {
  enabled: true,
  state: 'connected',
  last_message_at: '2026-11-23T15:30:10.151Z',
  messages: 12,
  errors: 0,
  dropped: null,
};

const STATUS: KitStatus = {
  v: 1,
  kit_id: 'wardragon-LAB0001',
  version: '0.1.0',
  time: '2026-11-23T15:30:10.151234Z',
  clock_offset_s: null,
  opening: 'a1b2c3d4',
  n: 12,
  ledger: [ENTRY, { ...ENTRY, kind: 'system', floor: 1, next: 1, evicted: [], quarantined: [] }],
  spool: { waiting: 9, handed_over: 0, bytes: 4_096, oldest_at: '2026-11-23T15:30:10.151234Z' },
  counts: { accepted: 19, delivered: 6, resent: 1, refused: 0, evicted: { drone: 3 }, evicted_handed_over: {} },
  link: { connected: true, reconnects: 2 },
  source: { state: 'ok' },
};

const refused = (status: unknown, what: string): void => assert.equal(kitStatus.safeParse(status).success, false, what);

describe('status', () => {
  test('is what the design says, and may have more', () => {
    assert.deepEqual(kitStatus.parse(STATUS), STATUS);
    const more = {
      ...STATUS,
      clock_offset_s: -3_600.5,
      ledger: [],
      spool: { ...STATUS.spool, oldest_at: null, quarantined: 1 },
      counts: { ...STATUS.counts, evicted: {} },
      link: { ...STATUS.link, error: 'refused' },
      receivers: { wifi: RECEIVER },
    };
    assert.deepEqual(kitStatus.parse(more), more);
  });

  test('without one of its fields is refused', () => {
    for (const name of Object.keys(STATUS)) refused({ ...STATUS, [name]: undefined }, `without ${name}`);
    for (const part of ['spool', 'counts', 'link', 'source'] as const) {
      for (const name of Object.keys(STATUS[part])) {
        refused({ ...STATUS, [part]: { ...STATUS[part], [name]: undefined } }, `without ${part}.${name}`);
      }
    }
    for (const name of Object.keys(ENTRY)) {
      refused({ ...STATUS, ledger: [{ ...ENTRY, [name]: undefined }] }, `without ledger.${name}`);
    }
  });

  test('is taken without the radios when they make no sense: other programs report them', () => {
    const leftOut = (receivers: unknown, why: string): void => {
      assert.equal(kitStatus.parse({ ...STATUS, receivers }).receivers, undefined, why);
    };
    const radios = [
      { state: 'Not A Word' },
      { state: '' },
      { enabled: 'yes' },
      { messages: -1 },
      { errors: 1.5 },
      { dropped: undefined },
    ];
    for (const field of radios) {
      leftOut({ wifi: { ...RECEIVER, ...field } }, JSON.stringify(field));
    }
    leftOut({ 'a\u0000b': RECEIVER }, 'a name with a NUL');
    const crowd = Object.fromEntries(Array.from({ length: 17 }, (_, i) => [`radio-${i}`, RECEIVER]));
    leftOut(crowd, 'more than sixteen');
  });

  test('with a wrong field is refused', () => {
    for (const field of [{ v: 2 }, { n: -1 }, { n: 1.5 }, { clock_offset_s: '0' }, { opening: 7 }, { ledger: {} }]) {
      refused({ ...STATUS, ...field }, JSON.stringify(field));
    }
    const entries = [
      { epoch: 'x' },
      { kind: 'fpv' },
      { floor: 0 },
      { next: 2 ** 53 },
      { evicted: [[1]] },
      { evicted: [[0, 1]] },
      { quarantined: [['1', '2']] },
      { quarantined: null },
    ];
    for (const field of entries) refused({ ...STATUS, ledger: [{ ...ENTRY, ...field }] }, JSON.stringify(field));
    refused({ ...STATUS, counts: { ...STATUS.counts, evicted: { fpv: 1 } } }, 'evicted of no kind');
    refused({ ...STATUS, counts: { ...STATUS.counts, accepted: -1 } }, 'a negative count');
    for (const none of [null, undefined, [], 'status', 1]) refused(none, String(none));
  });
});
