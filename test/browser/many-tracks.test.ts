// 500 things that move, each heard once a second: what that costs the page's main thread.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { eventually } from '../fixtures/processes.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import { openPage, picture, startBrowser } from './browser.js';
import { frameCosts } from './main-thread.js';
import { drone, startWorld, type World } from './world.js';

const TRACKS = 500;
/** Each second is sent in so many parts, as kits do not speak all at once. */
const PARTS = 20;
const MEASURED_MS = 10_000;
const LIMIT_MS = 16;

/** Round in circles, each its own. */
function moving(i: number, s: number): Record<string, unknown> {
  const angle = s / 20 + i;
  const radius = 0.02 + (i % 50) / 500;
  return drone(`drone-many-${i}`, {
    lat: 42.36 + radius * Math.cos(angle),
    lon: -71.05 + radius * Math.sin(angle),
    direction: ((angle * 180) / Math.PI + 90) % 360,
    pilot_lat: 42.36,
    pilot_lon: -71.05 + i / 5_000,
  });
}

/** Until it is stopped; the messages of a part go as one array. */
function fly(world: World): () => void {
  let part = 0;
  const timer = setInterval(() => {
    const from = (part % PARTS) * (TRACKS / PARTS);
    const s = part / PARTS;
    part += 1;
    const messages = Array.from({ length: TRACKS / PARTS }, (_, i) => moving(from + i, s));
    world.publish('wardragon/drones', messages).catch(() => {});
  }, 1_000 / PARTS);
  return () => clearInterval(timer);
}

test('500 moving tracks cost the main thread less than 16 ms a frame at the 95th percentile', async (t) => {
  const world = await startWorld(t, {});
  t.after(fly(world));
  const browser = await startBrowser(t);
  const { page, troubles } = await openPage(browser, `${world.url}/#/map`);
  await eventually('all are there', async () => (await page.getByText('500 heard').count()) === 1, 30_000);
  await page.getByRole('button', { name: 'Show all' }).click();
  // Trails of some length.
  await page.waitForTimeout(5_000);
  const found = await frameCosts(browser, page, MEASURED_MS, join(tempFolder(t), 'trace.json'));
  await picture(page, 'map-500');
  const words = `${found.frames} frames: p50 ${found.p50.toFixed(1)} ms, p95 ${found.p95.toFixed(1)} ms, max ${found.max.toFixed(1)} ms`;
  t.diagnostic(words);
  assert.ok(found.frames > (MEASURED_MS / 1_000) * 50, words);
  assert.ok(found.max > 1, 'something was measured');
  assert.ok(found.p95 < LIMIT_MS, words);
  assert.deepEqual(troubles, []);
});
