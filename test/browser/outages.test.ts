// The page while something is away: it says what, shows nothing old as new, and goes on by itself when it is back.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Page } from 'playwright-core';
import { openSqlite } from '../../src/base/sqlite.js';
import { eventually } from '../fixtures/processes.js';
import { openPage, picture, startBrowser } from './browser.js';
import { faintTexts } from './contrast.js';
import { StreamProxy } from './stream-proxy.js';
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

  assert.deepEqual(troubles, [], 'nothing was refused, thrown or logged as an error');
});

test('a stream that breaks alone is opened again from where it was, and nothing is missed', async (t) => {
  const world = await startWorld(t, { kits: 1 });
  const proxy = new StreamProxy(new URL(world.url));
  const browser = await startBrowser(t);
  const { page, troubles } = await openPage(browser, `${await proxy.start(t)}/#/map`);
  await world.publish('wardragon/drones', drone('drone-before'));
  await page.locator('.track').filter({ hasText: 'before' }).waitFor();
  // That one may have been there already; this one the stream tells of.
  await world.publish('wardragon/drones', drone('drone-news'));
  await page.locator('.track').filter({ hasText: 'news' }).waitFor();
  const asked = proxy.asked.length;

  proxy.breakStreams();
  await page.getByText('Not live', { exact: true }).first().waitFor();
  await page.locator('.notice').getByText('The stream of news is broken', { exact: false }).waitFor();
  await page.getByText(/^\d+ heard, as of \d\d:\d\d:\d\d$/).waitFor();
  assert.equal((await fetch(`${world.url}/readyz`)).status, 200, 'the server has never been away');
  await page.getByText('Broker ok', { exact: true }).waitFor();
  await world.publish('wardragon/drones', drone('drone-unseen'));
  await eventually('it tries again', () => proxy.asked.length >= asked + 2);
  assert.equal(await page.locator('.track').filter({ hasText: 'unseen' }).count(), 0, 'nothing comes another way');

  proxy.heal();
  await page.getByText('Live', { exact: true }).waitFor();
  await page.locator('.track').filter({ hasText: 'unseen' }).waitFor();
  await page.locator('.notice').waitFor({ state: 'detached' });
  assert.match(proxy.asked.at(-1) ?? '', /[?&]after=[^&]+/, 'it says where it was');
  assert.deepEqual(troubles, [], 'nothing was refused, thrown or logged as an error');
});
