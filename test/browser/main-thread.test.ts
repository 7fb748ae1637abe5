// What is counted as a frame of a page, and what it costs.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { costsOf, type TraceEvent } from './main-thread.js';

/** In milliseconds. */
const event = (name: string, at: number, lasts: number, runs = lasts): TraceEvent => {
  return { name, ph: 'X', pid: 1, tid: 1, ts: at * 1_000, dur: lasts * 1_000, tdur: runs * 1_000 };
};

test('a frame costs what was done since the one before it, and where nothing is drawn is none', () => {
  const tasks = [
    event('RunTask', 0, 4),
    // Two messages are read, and drawn once.
    event('RunTask', 100, 3),
    event('RunTask', 110, 5),
    event('RunTask', 120, 6),
    // A second in which little happens.
    ...Array.from({ length: 60 }, (_, i) => event('RunTask', 200 + i * 16, 0.05)),
    event('RunTask', 1_200, 20, 10),
  ];
  const drawings = [
    event('FireAnimationFrame', 1, 1),
    event('FireAnimationFrame', 121, 2),
    event('FireAnimationFrame', 1_201, 2),
  ];
  const { frames, p50, p95, max, busy, ran } = costsOf(tasks, drawings);
  assert.equal(frames, 2, 'of the first nobody knows what was done before it');
  assert.deepEqual([p50, p95, max].map(Math.round), [14, 14, 14]);
  assert.equal(Math.round(busy * 1_200), 31);
  assert.ok(ran < 0.8 && ran > 0.7, String(ran));
});
