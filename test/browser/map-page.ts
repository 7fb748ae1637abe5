// What the tests look at of the map's page, and of what is drawn on it.
import assert from 'node:assert/strict';
import type { Locator, Page } from 'playwright-core';
import { eventually } from '../fixtures/processes.js';
import { picture } from './browser.js';
import { drawnTexts, faintTexts, forgetDrawn } from './contrast.js';

/** Of the map's list. */
export const line = (page: Page, label: string): Locator => page.locator('.track').filter({ hasText: label });
/** Of what is selected. */
export const fact = (page: Page, name: string): Locator =>
  page
    .locator('.details:not([hidden]) .facts > div')
    .filter({ has: page.locator('dt', { hasText: new RegExp(`^${name}$`) }) })
    .locator('dd');

/** How many pixels are painted above the ground. */
export function painted(page: Page): Promise<number> {
  return page.evaluate(() => {
    let count = 0;
    for (const canvas of [...document.querySelectorAll<HTMLCanvasElement>('.map canvas.layer')].slice(1)) {
      const { data } = canvas.getContext('2d')?.getImageData(0, 0, canvas.width, canvas.height) ?? { data: [] };
      for (let i = 3; i < data.length; i += 4) if ((data[i] ?? 0) > 0) count += 1;
    }
    return count;
  });
}

/** Also what is drawn on canvases, which there has to be some of. */
export async function isReadable(page: Page, colorScheme: 'light' | 'dark', name: string): Promise<void> {
  await forgetDrawn(page);
  await page.emulateMedia({ colorScheme });
  await eventually('texts are drawn anew', async () => (await drawnTexts(page)).length > 3);
  await page.waitForTimeout(300);
  await picture(page, name);
  assert.deepEqual(await faintTexts(page, 7), [], colorScheme);
}
