// What came in each minute: how much of it late, and how long the rest took.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BOUNDS_MS, type Minute, Minutes, minutesOf } from '../../../src/server/minutes.js';
import { aircraft, drone, KIT, T0_US } from './store-batches.js';

const NOW_MS = T0_US / 1_000 + 100;
const AT_MS = Math.floor(NOW_MS / 60_000) * 60_000;

/** How many are in which class. */
const classes = ({ took }: Minute): [bound: number, n: number][] =>
  took.flatMap((n, i): [number, number][] => (n === 0 ? [] : [[BOUNDS_MS[i] ?? Number.POSITIVE_INFINITY, n]]));

test('minutes know what was late and how long the rest took', () => {
  const minutes = minutesOf(
    [
      ...[0, 70_000, 95_000].map((offsetUs) => drone({ timeUs: T0_US + offsetUs })),
      ...[-1e6, -120e6].map((offsetUs) => drone({ timeUs: T0_US + offsetUs, replay: true })),
    ],
    NOW_MS,
  );
  assert.deepEqual(
    minutes.map((minute) => [
      minute.atMs,
      minute.kitId,
      minute.messages,
      minute.late,
      classes(minute),
      minute.longestMs,
    ]),
    [
      [
        ...[AT_MS, KIT, 4, 1],
        [
          [10, 1],
          [50, 1],
          [100, 1],
        ],
        100,
      ],
      [AT_MS - 120_000, KIT, 1, 1, [], 0],
    ],
  );
});

test('a kit whose clock is ahead took no time, and one that took very long is in the last class', () => {
  const [ahead] = minutesOf([drone({ timeUs: T0_US + 5e6 })], NOW_MS);
  assert.deepEqual(ahead && [classes(ahead), ahead.longestMs], [[[10, 1]], 0]);
  const [slow] = minutesOf([drone({ timeUs: T0_US - 3_600e6 })], NOW_MS);
  assert.deepEqual(slow && [classes(slow), slow.longestMs], [[[Number.POSITIVE_INFINITY, 1]], 3_600_100]);
});

test('kits and kinds are told apart, and what was taken is gone', () => {
  const minutes = new Minutes();
  for (const one of [drone(), aircraft(), drone({ kitId: 'other' }), drone()]) minutes.note(one, NOW_MS);
  const taken = minutes.take();
  assert.deepEqual(
    taken.map(({ kitId, kind, messages }) => [kitId, kind, messages]),
    [
      [KIT, 'drone', 2],
      [KIT, 'aircraft', 1],
      ['other', 'drone', 1],
    ],
  );
  assert.deepEqual(minutes.take(), []);
});
