// The page while something is away: it says what, shows nothing old as new, and goes on by itself when it is back.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Page } from 'playwright-core';
import { openSqlite } from '../../src/base/sqlite.js';
import { openPage, picture, startBrowser } from './browser.js';
import { faintTexts } from './contrast.js';
import { drone, SIMULATED, startWorld } from './world.js';

const state = (page: Page) => page.locator(`.kit[data-kit="${SIMULATED[0]}"] .state`);

test('outages', async (t) => {
  const world = await startWorld(t, { kits: 1 });
  const browser = await startBrowser(t);
  const { page, troubles } = await openPage(browser, world.url);
  await state(page).getByText('● online', { exact: true }).waitFor();

  await t.test('the broker is away: it says so, and that it is back', async () => {
    await world.broker.stop();
    await page.locator('.notice').getByText('Broker away').waitFor();
    await page.getByText('Broker away', { exact: true }).first().waitFor();
    await world.broker.start();
    await page.locator('.notice').getByText('Broker away').waitFor({ state: 'detached' });
  });

  await t.test('the database is away: it says so, and what it shows is as it was', async () => {
    // Its last will came when the broker went.
    await state(page).getByText('● online', { exact: true }).waitFor();
    const lock = openSqlite(world.database);
    lock.exec('BEGIN EXCLUSIVE');
    try {
      await page.locator('.notice').getByText('Database away').waitFor({ timeout: 30_000 });
      // Whatever it was by the last word of the database.
      await state(page).getByText(/was /).waitFor();
      await picture(page, 'kits-database-away');
      assert.deepEqual(await faintTexts(page, 7), []);
    } finally {
      lock.exec('ROLLBACK');
      lock.close();
    }
    await page.locator('.notice').getByText('Database away').waitFor({ state: 'detached', timeout: 30_000 });
  });

  await t.test('the server is away: nothing is shown as live, and news come again when it is back', async () => {
    await page.getByRole('link', { name: 'Map' }).click();
    await page.locator('.track').first().waitFor();
    await page.getByRole('link', { name: 'Kits' }).click();
    await world.stopServer();
    await page.getByText('Not live', { exact: true }).first().waitFor();
    await page
      .locator('.notice')
      .getByText(/as it was then/)
      .waitFor();
    await state(page)
      .getByText(/was online/)
      .waitFor();
    await picture(page, 'kits-not-live');
    assert.deepEqual(await faintTexts(page, 7), []);
    // Comes while the page sees nothing: the broker keeps it for the server, and the page reads it afterwards.
    await world.publish('wardragon/drones', drone('drone-while-away'));
    await world.startServer();
    await page.getByText('Live', { exact: true }).waitFor();
    await state(page).getByText('● online', { exact: true }).waitFor();
    await page.locator('.notice').waitFor({ state: 'detached' });
    await page.getByRole('link', { name: 'Map' }).click();
    await page.locator('.track').filter({ hasText: 'while-away' }).waitFor();
    await world.publish('wardragon/drones', drone('drone-afterwards'));
    await page.locator('.track').filter({ hasText: 'afterwards' }).waitFor();
  });

  await t.test('a stream that breaks alone is opened again from where it was, and nothing is missed', async () => {
    await page.route('**/api/events*', (route) => route.abort());
    // What is open stays open: only a new one is refused. The server ends them all when it stops.
    await world.stopServer();
    await world.startServer();
    await page.locator('.notice').getByText('The stream of news is broken', { exact: false }).waitFor();
    await world.publish('wardragon/drones', drone('drone-unseen'));
    await page.unroute('**/api/events*');
    await page.getByText('Live', { exact: true }).waitFor();
    await page.locator('.track').filter({ hasText: 'unseen' }).waitFor();
  });

  assert.deepEqual(troubles, [], 'nothing was refused, thrown or logged as an error');
});
