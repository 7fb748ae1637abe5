// A map with tiles from elsewhere: the page asks only the address that is set, and says whose they are.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { eventually } from '../fixtures/processes.js';
import { openPage, startBrowser } from './browser.js';
import { drone, startWorld } from './world.js';

/** One transparent pixel. */
const PNG = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==',
  'base64',
);

test('tiles come from the address that is set, and their makers are named', async (t) => {
  const asked: string[] = [];
  const tiles = createServer((request, response) => {
    asked.push(request.url ?? '');
    response.writeHead(200, { 'content-type': 'image/png', 'cross-origin-resource-policy': 'cross-origin' });
    response.end(PNG);
  });
  await new Promise<void>((resolve) => tiles.listen(0, '127.0.0.1', resolve));
  t.after(() => tiles.close());
  const origin = `http://127.0.0.1:${(tiles.address() as AddressInfo).port}`;
  const world = await startWorld(t, {
    env: { MAP_TILE_URL: `${origin}/{z}/{x}/{y}.png`, MAP_TILE_ATTRIBUTION: '© <b>makers</b>' },
  });
  await world.publish('wardragon/drones', drone('drone-over-tiles'));
  const browser = await startBrowser(t);
  const { page, troubles, abroad } = await openPage(browser, `${world.url}/#/map`, [origin]);
  await page.locator('.leaflet-control-attribution').getByText('© <b>makers</b>').waitFor();
  await page.locator('.track').filter({ hasText: 'over-tiles' }).waitFor();
  await eventually('tiles are asked for', () => asked.length > 3);
  assert.match(asked[0] ?? '', /^\/\d+\/\d+\/\d+\.png$/);
  assert.deepEqual(troubles, [], 'the policy lets them in');
  assert.deepEqual(abroad, []);
});
