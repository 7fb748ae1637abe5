// The list of kits in a real browser: what it says, what an operator does with it, and what it does with hostile text.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Page } from 'playwright-core';
import { SimulatedDragonSync } from '../../src/simulate/dragonsync-api.js';
import { createWorld } from '../../src/simulate/world.js';
import { eventually } from '../fixtures/processes.js';
import { openPage, picture, startBrowser } from './browser.js';
import { faintTexts } from './contrast.js';
import { SIMULATED, startWorld, TOKEN } from './world.js';

const HTTP_KIT = 'wardragon-HTTP1';
const HOSTILE = `<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>\u202eneddih\u202c ${'A\u0301\u0301\u0301'.repeat(40)}`;

const kit = (page: Page, id: string) => page.locator(`.kit[data-kit="${id}"]`);
const dialog = (page: Page) => page.getByRole('dialog');
/** Figures of a kit's line, by their names. */
const figure = (page: Page, id: string, name: string) =>
  kit(page, id).locator('.figures > div').filter({ hasText: name }).locator('dd');

async function open(page: Page, id: string): Promise<void> {
  const name = kit(page, id).locator('button.name');
  if ((await name.getAttribute('aria-expanded')) === 'false') await name.click();
}

async function close(page: Page, id: string): Promise<void> {
  const name = kit(page, id).locator('button.name');
  if ((await name.getAttribute('aria-expanded')) === 'true') await name.click();
}

async function act(page: Page, id: string, action: string): Promise<void> {
  await open(page, id);
  await kit(page, id).getByRole('button', { name: action }).click();
}

test('the kits', async (t) => {
  const world = await startWorld(t, { kits: SIMULATED.length });
  const browser = await startBrowser(t);
  const { page, troubles, abroad } = await openPage(browser, world.url);

  await t.test('every kit with its badge, its state, its health and its ledger', async () => {
    for (const id of SIMULATED) {
      await kit(page, id).getByText('● online', { exact: true }).waitFor();
      await kit(page, id).getByText('MQTT', { exact: true }).waitFor();
      await eventually(`${id} has received some`, async () =>
        /^[1-9]/.test(await figure(page, id, 'received').innerText()),
      );
      assert.equal(await figure(page, id, 'missing').innerText(), '0');
      assert.equal(await figure(page, id, 'GPS').innerText(), 'fix');
      assert.match(await figure(page, id, 'heard').innerText(), /just now|s ago/);
    }
    await page.getByText(/^3 kits: 3 online; /).waitFor();
    for (const chip of ['Live', 'Broker ok', 'Database ok']) await page.getByText(chip, { exact: true }).waitFor();
    await open(page, SIMULATED[0] ?? '');
    await kit(page, SIMULATED[0] ?? '')
      .getByText('duplicates refused')
      .waitFor();
    await kit(page, SIMULATED[0] ?? '')
      .getByText('oldest waiting')
      .waitFor();
  });

  await t.test('the keyboard alone opens a kit, and a dialog keeps the focus until Escape gives it back', async () => {
    const id = SIMULATED[1] ?? '';
    await page.reload();
    await kit(page, id).waitFor();
    await page.keyboard.press('Tab');
    assert.equal(await page.evaluate(() => document.activeElement?.textContent), 'Skip to the content');
    const name = kit(page, id).locator('button.name');
    for (let i = 0; i < 60 && !(await name.evaluate((one) => one === document.activeElement)); i += 1)
      await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    assert.equal(await name.getAttribute('aria-expanded'), 'true');
    const outline = await name.evaluate((one) => getComputedStyle(one).outlineStyle);
    assert.equal(outline, 'solid', 'one sees where the focus is');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Tab');
    assert.equal(await page.evaluate(() => document.activeElement?.textContent), 'Rename…');
    await page.keyboard.press('Enter');
    await dialog(page).waitFor();
    assert.equal(await page.evaluate(() => document.activeElement?.closest('dialog') !== null), true);
    await page.keyboard.press('Escape');
    await dialog(page).waitFor({ state: 'detached' });
    assert.equal(await page.evaluate(() => document.activeElement?.textContent), 'Rename…');
  });

  await t.test('a viewer is asked for the token, and only the right one will do', async () => {
    const id = SIMULATED[0] ?? '';
    await act(page, id, 'Rename…');
    await dialog(page).getByLabel('Token').fill('wrong');
    await dialog(page).getByRole('button', { name: 'Log in' }).click();
    await dialog(page).getByRole('alert').filter({ hasText: /./ }).waitFor();
    await dialog(page).getByLabel('Token').fill(TOKEN);
    await dialog(page).getByRole('button', { name: 'Log in' }).click();
    await dialog(page).getByRole('heading', { name: 'Rename the kit' }).waitFor();
    await dialog(page).getByLabel('Name').fill(HOSTILE);
    await dialog(page).getByRole('button', { name: 'Rename' }).click();
    await dialog(page).waitFor({ state: 'detached' });
  });

  await t.test('a hostile name is text, and nothing else', async () => {
    const name = kit(page, SIMULATED[0] ?? '').locator('button.name');
    await name.getByText('<script>', { exact: false }).waitFor();
    const shown = await name.innerText();
    assert.match(shown, /<img src=x onerror="window.hacked=1"><script>/);
    assert.match(shown, /\\u\{202e\}neddih\\u\{202c\}/, 'what turns text round is shown as what it is');
    assert.equal(await page.evaluate(() => 'hacked' in window), false);
    assert.equal(await page.locator('.kit img, .kit script').count(), 0);
    await act(page, SIMULATED[0] ?? '', 'Rename…');
    await dialog(page).getByLabel('Name').fill('North gate');
    await dialog(page).getByRole('button', { name: 'Rename' }).click();
    await kit(page, SIMULATED[0] ?? '')
      .locator('button.name')
      .getByText('North gate')
      .waitFor();
    const { kits } = await world.json<{ kits: { kit_id: string; name: string }[] }>('/api/kits');
    assert.equal(kits.find(({ kit_id }) => kit_id === SIMULATED[0])?.name, 'North gate');
  });

  await t.test(
    'a location is set, a kit is disabled and enabled again, and the question says what happens',
    async () => {
      const id = SIMULATED[1] ?? '';
      await act(page, id, 'Set location…');
      await dialog(page).getByLabel('Location').fill('roof of the barn');
      await dialog(page).getByRole('button', { name: 'Save' }).click();
      await kit(page, id).getByText('roof of the barn').waitFor();
      await act(page, id, 'Disable…');
      await dialog(page).getByText('What the kit sends over MQTT is stored all the same', { exact: false }).waitFor();
      await dialog(page).getByRole('button', { name: 'Disable' }).click();
      await kit(page, id).getByText('disabled', { exact: true }).waitFor();
      await act(page, id, 'Enable…');
      await dialog(page).getByRole('button', { name: 'Enable' }).click();
      await kit(page, id).getByText('disabled', { exact: true }).waitFor({ state: 'hidden' });
    },
  );

  await t.test(
    'a kit is added after a test of its address, and one that does not answer is at the top with what to do',
    async () => {
      const api = new SimulatedDragonSync({
        world: createWorld({ kitId: HTTP_KIT, drones: 1, aircraft: 2, signals: 1, nowS: () => Date.now() / 1_000 }),
      });
      const address = await api.start();
      t.after(() => api.stop());
      const add = page.getByRole('button', { name: 'Add HTTP kit…' });
      const tried = dialog(page).getByRole('status');
      await add.click();
      await dialog(page).getByLabel('API address').fill('http://127.0.0.1:1');
      await dialog(page).getByRole('button', { name: 'Test the connection' }).click();
      await tried.filter({ hasText: /^No: / }).waitFor();
      await dialog(page).getByLabel('API address').fill(address);
      await dialog(page).getByRole('button', { name: 'Test the connection' }).click();
      await tried.filter({ hasText: /^It answers/ }).waitFor();
      assert.equal(await dialog(page).getByLabel('Kit id').inputValue(), HTTP_KIT);
      await picture(page, 'kits-add');
      await dialog(page).getByRole('button', { name: 'Add', exact: true }).click();
      await kit(page, HTTP_KIT).waitFor();

      await add.click();
      await dialog(page).getByLabel('API address').fill('http://127.0.0.1:1');
      await dialog(page).getByLabel('Kit id').fill('wardragon-AWAY');
      await dialog(page).getByRole('button', { name: 'Add', exact: true }).click();
      // One that was added just now has a minute to answer.
      await kit(page, 'wardragon-AWAY').locator('.problems li').first().waitFor({ timeout: 90_000 });
      assert.match(
        await kit(page, 'wardragon-AWAY').locator('.problems li').first().innerText(),
        / → .{10,}/,
        'what to do',
      );
      await eventually(
        'it is first of all',
        async () => (await page.locator('.kit').first().getAttribute('data-kit')) === 'wardragon-AWAY',
      );
    },
  );

  await t.test('text has a contrast of 7:1 in light and dark, and pictures are kept', async () => {
    for (const id of [SIMULATED[1] ?? '', SIMULATED[2] ?? '']) await close(page, id);
    await page.locator('.toast:empty').waitFor({ state: 'attached' });
    await page.evaluate(() => scrollTo(0, 0));
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme });
      await picture(page, `kits-${colorScheme}`);
      assert.deepEqual(await faintTexts(page, 7), [], colorScheme);
    }
    await page.emulateMedia({ colorScheme: 'light' });
  });

  await t.test('on a phone nothing is wider than the screen', async () => {
    await page.setViewportSize({ width: 360, height: 740 });
    await picture(page, 'kits-phone', true);
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 360);
    await page.setViewportSize({ width: 1280, height: 800 });
  });

  await t.test('a kit is removed only when its id is written', async () => {
    await act(page, 'wardragon-AWAY', 'Remove…');
    await dialog(page).getByText('its next message puts it on the list again', { exact: false }).waitFor();
    await picture(page, 'kits-remove');
    await dialog(page).getByLabel('Write the kit’s id').fill('wardragon-AWAx');
    await dialog(page).getByRole('button', { name: 'Remove' }).click();
    await dialog(page).getByRole('alert').filter({ hasText: 'nothing was removed' }).waitFor();
    await dialog(page).getByLabel('Write the kit’s id').fill('wardragon-AWAY');
    await dialog(page).getByRole('button', { name: 'Remove' }).click();
    await kit(page, 'wardragon-AWAY').waitFor({ state: 'detached' });
    const { kits } = await world.json<{ kits: { kit_id: string }[] }>('/api/kits');
    assert.ok(kits.every(({ kit_id }) => kit_id !== 'wardragon-AWAY'));
  });

  await t.test('whoever logs out is a viewer again', async () => {
    await page.getByRole('button', { name: 'Log out' }).click();
    await page.getByText('viewer', { exact: true }).waitFor();
    await act(page, SIMULATED[0] ?? '', 'Rename…');
    await dialog(page).getByLabel('Token').waitFor();
    await page.keyboard.press('Escape');
  });

  await t.test('a session that ends is noticed with the next action, which says so', async () => {
    await page.getByRole('button', { name: 'Log in' }).click();
    await dialog(page).getByLabel('Token').fill(TOKEN);
    await dialog(page).getByRole('button', { name: 'Log in' }).click();
    await page.getByText('operator', { exact: true }).waitFor();
    await page.context().clearCookies();
    await act(page, SIMULATED[0] ?? '', 'Rename…');
    await dialog(page).getByLabel('Name').fill('never');
    await dialog(page).getByRole('button', { name: 'Rename' }).click();
    await dialog(page)
      .getByRole('alert')
      .filter({ hasText: /log in/i })
      .waitFor();
    await page.getByText('viewer', { exact: true }).waitFor();
    await page.keyboard.press('Escape');
    await kit(page, SIMULATED[0] ?? '')
      .locator('button.name')
      .getByText('North gate')
      .waitFor();
  });

  assert.deepEqual(troubles, [], 'nothing was refused, thrown or logged as an error');
  assert.deepEqual(abroad, [], 'nobody else was asked');
});
