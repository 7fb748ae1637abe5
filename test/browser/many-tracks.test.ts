// 500 things that move, each heard once a second and with a trail: what that costs the page's main thread.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { MAX_TRAIL } from '../../src/page/map/tracks.js';
import { eventually } from '../fixtures/processes.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import { openPage, picture, startBrowser } from './browser.js';
import { type FrameCosts, frameCosts } from './main-thread.js';
import { drone, startWorld, type World } from './world.js';

const TRACKS = 500;
/** Each second is sent in so many parts, as kits do not speak all at once. */
const PARTS = 20;
/** In one message: more of them are larger than the server takes. */
const AT_ONCE = 100;
/** Between two points of the trails that are there already. */
const APART_S = 2;
const MEASURED_MS = 10_000;
const LIMIT_MS = 16;
/** Share of its tasks' time in which the main thread ran. */
const UNDISTURBED = 0.8;

/** Round in circles, each its own; `s` seconds from now. */
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

const all = (make: (i: number) => Record<string, unknown>, from = 0, number = TRACKS): Record<string, unknown>[] =>
  Array.from({ length: number }, (_, i) => make(from + i));

/** Where all of them were in the last minutes, until that is stored: trails as long as the page draws any. */
async function haveFlown(world: World): Promise<void> {
  const nowS = Date.now() / 1_000;
  for (let point = MAX_TRAIL; point > 0; point -= 1) {
    const s = -point * APART_S;
    // Of many kits: what one may have waiting is limited.
    const was = (i: number) => ({ ...moving(i, s), observed_at: nowS + s, seen_by: `wardragon-WAS${i % 10}` });
    for (let from = 0; from < TRACKS; from += AT_ONCE) {
      await world.publish('wardragon/drones', all(was, from, AT_ONCE));
    }
  }
  await eventually(
    'what they flew is stored',
    async () => {
      const last = `/api/tracks?id=drone-many-${TRACKS - 1}`;
      const { tracks } = await world.json<{ tracks: { points: number }[] }>(last);
      return tracks[0]?.points === MAX_TRAIL;
    },
    40_000,
  );
}

/** On and on until it is stopped; the messages of a part go as one array. */
function fly(world: World): () => void {
  let part = 0;
  const timer = setInterval(() => {
    const from = (part % PARTS) * (TRACKS / PARTS);
    const s = part / PARTS;
    part += 1;
    const messages = all((i) => moving(i, s), from, TRACKS / PARTS);
    world.publish('wardragon/drones', messages).catch(() => {});
  }, 1_000 / PARTS);
  return () => clearInterval(timer);
}

function wordsOf({ frames, p50, p95, max, busy, ran }: FrameCosts): string {
  const percent = (share: number): string => `${(share * 100).toFixed(0)} %`;
  const costs = `p50 ${p50.toFixed(1)} ms, p95 ${p95.toFixed(1)} ms, max ${max.toFixed(1)} ms`;
  const thread = `the main thread worked ${percent(busy)} of the time, and then ran ${percent(ran)}`;
  return `${frames} frames drawn in ${MEASURED_MS / 1_000} s: ${costs}; ${thread}`;
}

/**
 * While others have the processor, what comes is read all at once, in one frame: of three measurements that one counts in
 * which the page had the most of it, whatever it cost.
 */
async function leastDisturbed(measure: () => Promise<FrameCosts>): Promise<FrameCosts> {
  let best = await measure();
  for (let again = 0; again < 2 && best.ran < UNDISTURBED; again += 1) {
    const found = await measure();
    if (found.ran > best.ran) best = found;
  }
  return best;
}

test('500 moving tracks with trails cost the main thread less than 16 ms a frame at the 95th percentile', async (t) => {
  const world = await startWorld(t, {});
  await haveFlown(world);
  t.after(fly(world));
  const browser = await startBrowser(t);
  const { page, troubles } = await openPage(browser, `${world.url}/#/map`);
  await eventually('all are there', async () => (await page.getByText('500 heard').count()) === 1, 30_000);
  await page.getByRole('button', { name: 'Show all' }).click();
  assert.ok(await page.getByLabel('Trails').isChecked());
  // What it read at the beginning is read by now.
  await page.waitForTimeout(3_000);
  const found = await leastDisturbed(async () => {
    const costs = await frameCosts(browser, page, MEASURED_MS, join(tempFolder(t), 'trace.json'));
    t.diagnostic(wordsOf(costs));
    return costs;
  });
  await picture(page, 'map-500');
  const words = wordsOf(found);
  assert.ok(found.frames > (MEASURED_MS / 1_000) * 5, `it moved: ${words}`);
  assert.ok(found.p95 < LIMIT_MS, words);
  assert.deepEqual(troubles, []);
});
