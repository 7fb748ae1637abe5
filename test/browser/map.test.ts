// The map, the timeline and the downloads in a real browser: what is live, what is past, and what a click tells.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually } from '../fixtures/processes.js';
import { openPage, picture, startBrowser } from './browser.js';
import { faintTexts, watchCanvases } from './contrast.js';
import { fact, isReadable, line, painted } from './map-page.js';
import { drone, startWorld } from './world.js';

const HOSTILE_ID = 'drone-<script>window.hacked=1</script>';
const LONG = `\u202eesrever <b>bold</b> ${'x'.repeat(4_000)}`;
const EPOCH = '00000001abcdef01';
/** A kit that drives about. */
const MOVER = 'wardragon-MOVER';
/** One that was away. */
const REPLAYER = 'wardragon-REPLAYER';
/** What it is called, its kind, where it is, and who heard it. */
const HEARD_NAME = /"heard-by-three .*\bdrone, .*\b(k?m [NESW]{1,2} of|at) .+, 90\sm high, 4\sm\/s, 3 kits"/;

test('the map and the timeline', async (t) => {
  const world = await startWorld(t, { hearing: true });
  const browser = await startBrowser(t);
  const { page, troubles, abroad } = await openPage(browser, `${world.url}/#/map`);
  await watchCanvases(page);

  await t.test('draws what is live, without a network, and lists the same', async () => {
    await page.locator('.track').nth(5).waitFor();
    await eventually('something is painted', async () => (await painted(page)) > 500);
    await page.getByText(/^\d+ heard$/).waitFor();
    assert.deepEqual(abroad, []);
    // The other one first: in light it is already, and nothing would be drawn anew.
    for (const colorScheme of ['dark', 'light'] as const) {
      await isReadable(page, colorScheme, `map-${colorScheme}`);
    }
  });

  await t.test('tells everything of a thing, and who heard it, the strongest first', async () => {
    const at = Date.now() / 1_000;
    for (const [kit, rssi] of [
      ['wardragon-FAR', -91],
      ['wardragon-NEAR', -42],
      ['wardragon-MUTE', 0],
    ] as const) {
      await world.publish(
        'wardragon/drones',
        drone('drone-heard-by-three', { seen_by: kit, rssi, observed_at: at, operator_id: 'OP-7' }),
      );
    }
    await line(page, 'heard-by-three').waitFor();
    await line(page, 'heard-by-three').press('Enter');
    await eventually('three kits', async () => (await page.locator('.hearers tbody tr').count()) === 3);
    const rows = await page.locator('.hearers tbody tr').allInnerTexts();
    assert.match(rows[0] ?? '', /NEAR\s+-42/);
    assert.match(rows[1] ?? '', /FAR\s+-91/);
    assert.match(rows[2] ?? '', /MUTE\s+–/);
    assert.equal(await fact(page, 'operator').innerText(), 'OP-7');
    await picture(page, 'map-details');
    await page.keyboard.press('Escape');
    await page.locator('.details').first().waitFor({ state: 'hidden' });
  });

  await t.test('its list works by keyboard alone, and tells a screen reader all that it shows', async () => {
    const list = page.getByRole('list', { name: 'Heard', exact: true });
    const item = list.getByRole('button', { name: /^heard-by-three / });
    const [name] = (await list.ariaSnapshot()).split('\n').filter((one) => one.includes('heard-by-three'));
    assert.match(name ?? '', HEARD_NAME);
    const focused = (): Promise<boolean> => item.evaluate((one) => one === document.activeElement);
    await page.getByLabel('Find').focus();
    for (let i = 0; i < 60 && !(await focused()); i += 1) await page.keyboard.press('Tab');
    assert.ok(await focused(), 'Tab leads there');
    await page.keyboard.press('Enter');
    const details = page.getByRole('region', { name: 'heard-by-three' });
    await details.waitFor();
    assert.equal(await fact(page, 'operator').innerText(), 'OP-7');
    assert.equal(await details.getByRole('table', { name: 'Heard by, strongest first' }).count(), 1);
    assert.equal(await item.getAttribute('aria-pressed'), 'true');
    for (const action of ['Follow', 'Centre', 'Close']) {
      await page.keyboard.press('Tab');
      const button = details.getByRole('button', { name: action });
      assert.ok(await button.evaluate((one) => one === document.activeElement), action);
    }
    await page.keyboard.press('Enter');
    await details.waitFor({ state: 'hidden' });
    assert.ok(await focused(), 'one goes on where one was');
  });

  await t.test('shows hostile text as text, and long text when it is asked for', async () => {
    await world.publish('wardragon/drones', drone(HOSTILE_ID, { description: LONG }));
    await line(page, '<script>').click();
    const shown = await fact(page, 'description').innerText();
    assert.match(shown, /\\u\{202e\}esrever <b>bold<\/b>/);
    assert.ok(shown.length < 300, 'cut');
    await fact(page, 'description').getByRole('button').click();
    assert.ok((await fact(page, 'description').innerText()).length > 3_900);
    assert.equal(await page.evaluate(() => 'hacked' in window), false);
    assert.equal(await page.locator('.side script, .side b').count(), 0);
    await page.getByRole('button', { name: 'Close', exact: true }).click();
  });

  await t.test('a click on the map finds what is there', async () => {
    await line(page, 'heard-by-three').click();
    await page.getByRole('button', { name: 'Centre' }).click();
    await page.getByRole('button', { name: 'Close', exact: true }).click();
    const box = await page.locator('.map').boundingBox();
    assert.ok(box);
    await page.mouse.click(box.x + box.width / 2, box.y + box.height / 2);
    await page.getByRole('heading', { name: 'heard-by-three' }).waitFor();
    await page.getByRole('button', { name: 'Close', exact: true }).click();
  });

  await t.test('the map follows what is followed', async () => {
    await line(page, 'heard-by-three').click();
    await page.getByRole('button', { name: 'Follow' }).click();
    await world.publish(
      'wardragon/drones',
      drone('drone-heard-by-three', { lat: 42.44, seen_by: 'wardragon-NEAR', operator_id: 'OP-7' }),
    );
    await eventually('it moved', async () => (await fact(page, 'position').innerText()).startsWith('42.44'));
    await page.getByRole('button', { name: 'Close', exact: true }).click();
    const box = await page.locator('.map').boundingBox();
    assert.ok(box);
    await page.mouse.click(box.x + box.width / 2, box.y + box.height / 2);
    await page.getByRole('heading', { name: 'heard-by-three' }).waitFor();
    await page.getByRole('button', { name: 'Close', exact: true }).click();
  });

  await t.test('a kit tells on the map what its list tells', async () => {
    await page.goto(`${world.url}/#/kits`);
    await page.locator('.kit[data-kit="wardragon-DEMO0001"] button.name').click();
    await page.getByRole('link', { name: 'Show on map' }).click();
    const box = await page.locator('.map').boundingBox();
    assert.ok(box);
    await page.mouse.click(box.x + box.width / 2, box.y + box.height / 2);
    await page.getByRole('heading', { name: 'wardragon-DEMO0001' }).waitFor();
    await page.locator('.details:not([hidden])').getByText('duplicates refused').waitFor();
    await page.getByRole('button', { name: 'Close', exact: true }).click();
  });

  await t.test('what is replayed draws the past, and moves nothing that is present', async () => {
    const nowS = Date.now() / 1_000;
    const sink = (seq: number, replay?: true) => ({ sink: { v: 1, epoch: EPOCH, seq, ...(replay && { replay }) } });
    const at = (s: number, lat: number) => ({ observed_at: nowS + s, lat, lon: -71.2 });
    await world.publish('wardragon/drones', drone('drone-from-the-past', { ...at(-20, 42.5), ...sink(1) }));
    await line(page, 'from-the-past').click();
    await eventually('its place', async () => (await fact(page, 'position').innerText()).startsWith('42.50000'));
    for (const i of [2, 3, 4]) {
      await world.publish(
        'wardragon/drones',
        drone('drone-from-the-past', { ...at(-18 + i, 42.5 + i / 100), ...sink(i, true) }),
      );
    }
    await eventually('all are stored', async () => {
      const { tracks } = await world.json<{ tracks: { points: number }[] }>('/api/tracks?id=drone-from-the-past');
      return tracks[0]?.points === 4;
    });
    await page.waitForTimeout(1_200);
    assert.match(await fact(page, 'position').innerText(), /^42\.50000/);
    await world.publish('wardragon/drones', drone('drone-from-the-past', { ...at(0, 42.6), ...sink(5) }));
    await eventually('it moves again', async () => (await fact(page, 'position').innerText()).startsWith('42.60000'));
    await page.getByRole('button', { name: 'Close', exact: true }).click();
  });

  await t.test('nor does it after a reload, when all is read anew', async () => {
    const nowS = Date.now() / 1_000;
    const send = (id: string, seq: number, s: number, lat: number, replay: boolean): Promise<void> => {
      const sink = { v: 1, epoch: EPOCH, seq, ...(replay && { replay }) };
      return world.publish('wardragon/drones', drone(id, { observed_at: nowS + s, lat, lon: -71.3, sink }));
    };
    await send('drone-read-anew', 6, -20, 42.5, false);
    await send('drone-read-anew', 7, -10, 42.7, true);
    await send('drone-read-anew', 8, -5, 42.8, true);
    await send('drone-of-a-replay', 9, -5, 42.9, true);
    await eventually('all are stored', async () => {
      const { tracks } = await world.json<{ tracks: object[] }>('/api/tracks?id=drone-of-a-replay');
      return tracks.length === 1;
    });
    await page.reload();
    await line(page, 'read-anew').click();
    await eventually('its place', async () => /^42\.\d/.test(await fact(page, 'position').innerText()));
    await page.waitForTimeout(1_200);
    assert.match(await fact(page, 'position').innerText(), /^42\.50000/);
    await page.getByRole('button', { name: 'Close', exact: true }).click();
    // What nothing else tells of is there all the same.
    await line(page, 'of-a-replay').click();
    await eventually('its place', async () => (await fact(page, 'position').innerText()).startsWith('42.90000'));
    await page.getByRole('button', { name: 'Close', exact: true }).click();
  });

  await t.test('filters by kind, by kit and by text', async () => {
    await page.getByLabel('Drones').uncheck();
    await eventually('no drone is listed', async () => (await page.locator('.track[data-kind="drone"]').count()) === 0);
    await page.getByLabel('Drones').check();
    await page.getByLabel('Heard by').selectOption('wardragon-NEAR');
    await eventually('only what it heard', async () => (await page.locator('.track').count()) === 1);
    await page.getByLabel('Heard by').selectOption('');
    await page.getByLabel('Find').fill('op-7');
    await eventually('only this operator', async () => (await page.locator('.track').count()) === 1);
    await page.getByLabel('Find').fill('');
  });

  await t.test('says what a filter hides, and hides nothing any more when it is cleared', async () => {
    await page.getByLabel('Drones').uncheck();
    await page.getByText(/^\d+ of \d+ heard; the filter hides the others$/).waitFor();
    await page.getByLabel('Find').fill('nothing is called that');
    await page.getByText(/^\d+ heard; the filter hides all of them\.$/).waitFor();
    await page.getByRole('button', { name: 'Clear the filter' }).click();
    await page.getByText(/^\d+ heard$/).waitFor();
    await page.locator('.track[data-kind="drone"]').first().waitFor();
  });

  await t.test('a legend tells what the signs mean', async () => {
    await page.getByText('Legend', { exact: true }).click();
    for (const words of ['its pilot', 'trail that a replay filled in later']) {
      await page.locator('.legend').getByText(words, { exact: true }).waitFor();
    }
    await picture(page, 'map-legend');
    assert.deepEqual(await faintTexts(page, 7), []);
    await page.getByText('Legend', { exact: true }).click();
  });

  await t.test('the slider goes to the past, by keyboard too, and back to now', async () => {
    const then = Date.now() / 1_000 - 600;
    await world.publish('wardragon/drones', drone('drone-ten-minutes-ago', { observed_at: then }));
    const slider = page.getByRole('slider', { name: 'Time that the map shows' });
    await slider.focus();
    for (let i = 0; i < 3; i += 1) await page.keyboard.press('ArrowLeft');
    await page.getByText(/^past: /).waitFor();
    for (let i = 0; i < 9; i += 1) await page.getByRole('button', { name: '−1 min' }).click();
    await line(page, 'ten-minutes-ago').waitFor();
    await eventually('what is live is not of then', async () => (await page.locator('.track').count()) === 1);
    await picture(page, 'map-past');
    await page.getByRole('button', { name: 'Now', exact: true }).click();
    await page.getByText(/^now, /).waitFor();
    await page.locator('.track').nth(3).waitFor();
    await line(page, 'ten-minutes-ago').waitFor({ state: 'detached' });
  });

  await t.test('filters by time: what was heard longer ago goes, and comes back when it is asked for', async () => {
    const within = page.getByLabel('Heard within');
    await world.publish(
      'wardragon/drones',
      drone('drone-three-minutes-ago', { observed_at: Date.now() / 1_000 - 180, seen_by: 'wardragon-NEAR' }),
    );
    await line(page, 'three-minutes-ago').waitFor();
    await within.selectOption('last 1 min');
    await line(page, 'three-minutes-ago').waitFor({ state: 'detached' });
    await page.locator('.track').nth(3).waitFor();
    await within.selectOption('last 15 min');
    await line(page, 'ten-minutes-ago').waitFor();
    await line(page, 'three-minutes-ago').waitFor();
    await within.selectOption('last 5 min');
    await line(page, 'ten-minutes-ago').waitFor({ state: 'detached' });
    await line(page, 'three-minutes-ago').waitFor();
  });

  await t.test('a replay of where a kit was does not move it', async () => {
    const nowS = Math.floor(Date.now() / 1_000);
    const send = (seq: number, s: number, latitude: number, replay?: true): Promise<void> => {
      const sink = { v: 1, epoch: EPOCH, seq, ...(replay && { replay }) };
      const health = { id: REPLAYER, updated: nowS + s, latitude, longitude: -70.9, sink };
      return world.publish(`wardragon/system/${REPLAYER}/attrs`, health);
    };
    await send(1, -60, 42.2);
    await page.getByRole('link', { name: 'Kits' }).click();
    const kit = page.locator(`.kit[data-kit="${REPLAYER}"]`);
    await kit.locator('button.name').click();
    await kit.getByRole('link', { name: 'Show on map' }).click();
    await send(2, -40, 42.25, true);
    await send(3, -20, 42.3, true);
    await eventually('all are stored', async () => {
      const { points } = await world.json<{ points: { late: boolean }[] }>(`/api/kits/${REPLAYER}/health`);
      return points.filter(({ late }) => late).length === 2;
    });
    await page.waitForTimeout(1_200);
    const box = await page.locator('.map').boundingBox();
    assert.ok(box);
    await page.mouse.click(box.x + box.width / 2, box.y + box.height / 2);
    await page.getByRole('heading', { name: REPLAYER }).waitFor();
    assert.match(await fact(page, 'position').innerText(), /^42\.20000/);
    await picture(page, 'map-kit-replay');
    await page.getByRole('button', { name: 'Close', exact: true }).click();
  });

  await t.test('in the past the kits stand where they stood, with their trails', async () => {
    const nowS = Math.floor(Date.now() / 1_000);
    for (const [s, latitude, longitude] of [
      [-880, 42.3, -71.1],
      [-640, 42.31, -71.08],
      [-20, 42.45, -71],
    ] as const) {
      const health = { id: MOVER, updated: nowS + s, latitude, longitude };
      await world.publish(`wardragon/system/${MOVER}/attrs`, health);
    }
    await page.getByRole('link', { name: 'Kits' }).click();
    const mover = page.locator(`.kit[data-kit="${MOVER}"]`);
    await mover.locator('button.name').click();
    await mover.getByRole('link', { name: 'Show on map' }).click();
    const box = await page.locator('.map').boundingBox();
    assert.ok(box);
    await page.mouse.click(box.x + box.width / 2, box.y + box.height / 2);
    await page.getByRole('heading', { name: MOVER }).waitFor();
    assert.match(await fact(page, 'position').innerText(), /^42\.45000/);
    for (let i = 0; i < 10; i += 1) await page.getByRole('button', { name: '−1 min' }).click();
    await page.getByText('The past', { exact: true }).waitFor();
    await eventually('where it was', async () => (await fact(page, 'position').innerText()).startsWith('42.31000'));
    await page.getByText(/^As it was at \d\d:\d\d:\d\d; /).waitFor();
    await page.getByText(/heard in the 5 min before \d\d:\d\d:\d\d\.?$/).waitFor();
    await page.getByRole('button', { name: 'Show all' }).click();
    await page.waitForTimeout(300);
    const withTrails = await painted(page);
    await picture(page, 'map-past-kit');
    await page.getByLabel('Trails').uncheck();
    await eventually('no trail', async () => (await painted(page)) < withTrails - 100);
    await page.getByLabel('Trails').check();
    await page.getByRole('button', { name: 'Now', exact: true }).click();
    await page.getByText('Live', { exact: true }).waitFor();
    await eventually('where it is', async () => (await fact(page, 'position').innerText()).startsWith('42.45000'));
    await page.getByRole('button', { name: 'Close', exact: true }).click();
  });

  await t.test('the timeline counts by kind, names gaps and replays, and leads to the map', async () => {
    await page.getByRole('link', { name: 'Timeline' }).click();
    await page.getByText(/\d+ drone.*at most \d/).waitFor();
    await page.getByText(/that filled one/).waitFor();
    await page.locator('tr[data-what="gap"]').filter({ hasText: 'wardragon-STOCK1' }).waitFor();
    await page.locator('tr[data-what="filled"]').filter({ hasText: 'wardragon-STOCK1' }).waitFor();
    for (const colorScheme of ['dark', 'light'] as const) {
      await isReadable(page, colorScheme, `timeline-${colorScheme}`);
    }
    await page.getByLabel('How far back').selectOption('1');
    const over = page.locator('.chart .u-over').first();
    await over.scrollIntoViewIfNeeded();
    const chart = await over.boundingBox();
    assert.ok(chart, 'there is a chart');
    await page.mouse.move(chart.x + chart.width * 0.9, chart.y + 40);
    await page.mouse.click(chart.x + chart.width * 0.9, chart.y + 40);
    await page.getByText(/^past: /).waitFor();
    await page.getByRole('button', { name: 'Now', exact: true }).click();
  });

  await t.test('downloads are what is selected', async () => {
    await page.getByRole('link', { name: 'Downloads' }).click();
    await page.getByLabel('Drone id').fill('drone-heard-by-three');
    for (const [name, type] of [
      ['CSV', /text\/csv/],
      ['GeoJSON', /json/],
      ['KML', /kml|xml/],
    ] as const) {
      const href = await page.getByRole('link', { name: `Tracks as ${name}` }).getAttribute('href');
      const answer = await fetch(`${world.url}${href}`);
      assert.equal(answer.status, 200);
      assert.match(answer.headers.get('content-type') ?? '', type);
      const text = await answer.text();
      assert.match(text, /drone-heard-by-three/);
      assert.doesNotMatch(text, /from-the-past/);
    }
    await picture(page, 'downloads');
    assert.deepEqual(await faintTexts(page, 7), []);
  });

  await t.test('on a phone nothing is wider than the screen', async () => {
    await page.setViewportSize({ width: 360, height: 740 });
    for (const view of ['Map', 'Timeline', 'Downloads']) {
      await page.getByRole('link', { name: view }).click();
      await page.waitForTimeout(300);
      await picture(page, `${view.toLowerCase()}-phone`, true);
      assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 360, view);
    }
    await page.getByRole('link', { name: 'Map' }).click();
    await page.getByLabel('Heard by').waitFor({ state: 'hidden' });
    await page.getByRole('button', { name: 'Filter' }).click();
    await page.getByLabel('Heard by').waitFor();
    await picture(page, 'map-phone-filter');
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 360, 'with the filter');
    await page.getByRole('button', { name: 'Filter' }).click();
  });

  assert.deepEqual(troubles, [], 'nothing was refused, thrown or logged as an error');
  assert.deepEqual(abroad, [], 'nobody else was asked');
});
