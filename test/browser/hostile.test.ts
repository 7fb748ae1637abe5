// Text from the air and from kits that would do harm: markup, marks that turn lines round, and 4 KB of it. On every view
// and in every file it is text, stays in its place, and shows what it is.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import type { Page } from 'playwright-core';
import { eventually } from '../fixtures/processes.js';
import { openPage, picture, startBrowser } from './browser.js';
import { drawnTexts, faintTexts, watchCanvases } from './contrast.js';
import { drone, startWorld, TOKEN } from './world.js';

const KIT = 'wardragon-HOSTILE';
const MARKUP = `<script>window.hacked=1</script><img src=x onerror="window.hacked=1">`;
/** What turns a line round, hides, or is no sign at all; and more accents than any script stacks. */
const MARKS = '\u202eneddih\u202c\u2066\u200f\u061c\u200b \u0007e\u0301\u0301\u0301\u0301\u0301';
const ID = `drone-${MARKUP}${MARKS}`;
const LONG = `${MARKUP}${MARKS}]]></description></kml>${'x'.repeat(4_000)}`;
const NAME = `kit ${MARKUP}${MARKS}${'W'.repeat(60)}`;
/** None of these stands in the page as it came. */
const RAW = /[\p{Cc}\p{Cf}]|\p{M}{3}/u;

/** Every text and attribute of the page that holds a mark as it came. */
async function rawTexts(page: Page): Promise<string[]> {
  const texts = await page.evaluate(() => {
    const found: string[] = [];
    for (const element of document.querySelectorAll('*')) {
      for (const { name, value } of element.attributes) found.push(`${element.tagName} ${name}: ${value}`);
      for (const node of element.childNodes) {
        if (node.nodeType === Node.TEXT_NODE) found.push(`${element.tagName}: ${node.textContent}`);
      }
    }
    return found;
  });
  return texts
    .filter((text) => RAW.test(text.replaceAll(/[\n\t]/g, '')))
    .map((text) => JSON.stringify(text.slice(0, 200)));
}

async function isHarmless(page: Page, view: string): Promise<void> {
  assert.equal(await page.evaluate(() => 'hacked' in window), false, view);
  assert.equal(await page.locator('body img, body script').count(), 0, view);
  assert.deepEqual(await rawTexts(page), [], view);
  assert.deepEqual(await faintTexts(page, 7), [], view);
  for (const width of [1280, 360]) {
    await page.setViewportSize({ width, height: 740 });
    await page.waitForTimeout(200);
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), width, `${view}, ${width} wide`);
    await picture(page, `hostile-${view}-${width}`, true);
  }
  await page.setViewportSize({ width: 1280, height: 800 });
}

test('hostile text', async (t) => {
  const world = await startWorld(t, {});
  const at = Date.now() / 1_000;
  await world.publish(`wardragon/system/${KIT}/attrs`, {
    id: KIT,
    updated: Math.floor(at),
    latitude: 42.36,
    longitude: -71.05,
    time_source: LONG,
  });
  const [lat, lon] = [42.3605, -71.045];
  await world.publish('wardragon/drones', drone(ID, { seen_by: KIT, lat, lon, description: LONG, operator_id: LONG }));
  await world.publish('wardragon/aircraft', {
    ...{ icao: 'a00001', seen_by: KIT, observed_at: at, lat: 42.364, lon: -71.055, callsign: LONG },
  });
  await world.publish('wardragon/signals', {
    ...{ uid: LONG.slice(0, 200), seen_by: KIT, observed_at: at, center_hz: 5.8e9, signal_type: LONG, source: LONG },
  });
  await eventually('all of it', async () => {
    const { tracks } = await world.json<{ tracks: unknown[] }>('/api/tracks');
    const { signals } = await world.json<{ signals: unknown[] }>('/api/signals');
    return tracks.length === 2 && signals.length === 1;
  });
  const renamed = await fetch(`${world.url}/api/kits/${KIT}`, {
    method: 'PATCH',
    headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' },
    body: JSON.stringify({ name: NAME, location: NAME }),
  });
  assert.equal(renamed.status, 200, await renamed.text());
  const browser = await startBrowser(t);
  const { page, troubles, abroad } = await openPage(browser, world.url);
  await watchCanvases(page);

  await t.test('in the list of kits', async () => {
    const name = page.locator(`.kit[data-kit="${KIT}"] button.name`);
    await name.getByText('<script>', { exact: false }).waitFor();
    await name.click();
    await page.getByText('time source').waitFor();
    await isHarmless(page, 'kits');
  });

  await t.test('on the map: its labels, its list, and what a click tells', async () => {
    await page.goto(`${world.url}/#/map?kit=${KIT}`);
    await page.locator('.track').nth(2).waitFor();
    await eventually(
      'labels',
      async () => (await drawnTexts(page)).filter((text) => /<script>/.test(text)).length >= 2,
    );
    const labels = await drawnTexts(page);
    assert.deepEqual(
      labels.filter((text) => RAW.test(text) || text.length > 24),
      [],
    );
    for (const kind of ['drone', 'aircraft', 'signal']) {
      await page.locator(`.track[data-kind="${kind}"]`).click();
      await page.locator('.details:not([hidden])').getByText('<script>', { exact: false }).first().waitFor();
      for (const more of await page.locator('.details:not([hidden]) button.link').all()) await more.click();
      await isHarmless(page, `map-${kind}`);
      await page.getByRole('button', { name: 'Close' }).click();
    }
    const box = await page.locator('.map').boundingBox();
    assert.ok(box);
    await page.mouse.click(box.x + box.width / 2, box.y + box.height / 2);
    await page.getByRole('heading', { name: 'kit <script>' }).waitFor();
    await isHarmless(page, 'map-kit');
    await page.getByRole('button', { name: 'Close' }).click();
  });

  await t.test('on the timeline', async () => {
    await page.getByRole('link', { name: 'Timeline' }).click();
    await page.locator('.lane-name').getByText('<script>', { exact: false }).waitFor();
    assert.match(await page.getByLabel('Of which kit').innerText(), /<script>/);
    await isHarmless(page, 'timeline');
  });

  await t.test('in what is downloaded', async () => {
    await page.getByRole('link', { name: 'Downloads' }).click();
    await page.getByLabel('Heard by').selectOption(KIT);
    await page.getByLabel('Drone id').fill(ID);
    const download = async (name: string): Promise<string> => {
      const [file] = await Promise.all([
        page.waitForEvent('download'),
        page.getByRole('link', { name: `Tracks as ${name}` }).click(),
      ]);
      return readFileSync(await file.path(), 'utf8');
    };
    interface Features {
      readonly features: { readonly properties: { readonly description?: string } }[];
    }
    const { features } = JSON.parse(await download('GeoJSON')) as Features;
    assert.ok(features.some(({ properties }) => properties.description === LONG));
    const csv = await download('CSV');
    assert.ok(csv.includes(LONG.replaceAll('"', '""')), 'quoted');
    const kml = await page.evaluate(
      (text) => {
        const parsed = new DOMParser().parseFromString(text, 'application/xml');
        const { textContent } = parsed.documentElement;
        return [parsed.querySelectorAll('parsererror, script, img').length, textContent?.includes('</kml>xxx')];
      },
      await download('KML'),
    );
    assert.deepEqual(kml, [0, true], 'well-formed, and all of it text');
    await isHarmless(page, 'downloads');
  });

  assert.deepEqual(troubles, [], 'nothing was refused, thrown or logged as an error');
  assert.deepEqual(abroad, [], 'nobody else was asked');
});
