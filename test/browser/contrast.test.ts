// Whether the check of contrast finds what is faint: in elements, placeholders and on canvases, on whatever lies below.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startBrowser } from './browser.js';
import { drawnTexts, faintTexts, forgetDrawn, watchCanvases } from './contrast.js';

/** On white, #777777 has 4.48:1 and #555555 7.46:1. */
const PAGE = `<style>
  body { background: #fff; color: #555 } input { background: #fff; color: #555 } input::placeholder { color: #555; opacity: 1 }
  .faint, .faint::placeholder { color: #777 } .see-through::placeholder { opacity: .6 } .hidden { color: #fff; display: none }
  .dark { background: #333 }
</style>
<p>well</p><p class="faint">faint</p><p class="hidden">hidden</p><p class="dark">on dark</p>
<input placeholder="well"><input class="faint" placeholder="faint placeholder">
<input class="see-through" placeholder="see-through placeholder"><input class="faint" value="faint value" placeholder="unseen">
<div class="dark"><canvas></canvas></div>`;

test('the check of contrast finds what is faint', async (t) => {
  const browser = await startBrowser(t);
  const page = await browser.newPage({ colorScheme: 'light' });
  await page.addInitScript('globalThis.__name = (f) => f');
  await page.goto('about:blank');
  await page.setContent(PAGE);
  await watchCanvases(page);
  const faint = async (): Promise<string[]> => (await faintTexts(page, 7)).map(({ text }) => text).sort();
  assert.deepEqual(await faint(), ['faint', 'faint placeholder', 'faint value', 'on dark', 'see-through placeholder']);

  await page.evaluate(() => {
    for (const one of document.querySelectorAll('p, input')) one.remove();
    const context = document.querySelector('canvas')?.getContext('2d');
    if (context === null || context === undefined) throw new Error('no canvas');
    context.fillStyle = '#fff';
    context.fillText('white on the dark element', 0, 9);
    context.fillStyle = '#777';
    context.fillText('grey on the dark element', 0, 9);
    context.strokeStyle = '#fff';
    context.strokeText('with a halo', 0, 9);
    context.fillStyle = '#555';
    context.fillText('with a halo', 0, 9);
    context.globalAlpha = 0.5;
    context.fillText('half seen', 0, 9);
    context.globalAlpha = 1;
    context.clearRect(0, 0, 9, 9);
    context.fillText('its halo is gone', 0, 9);
  });
  assert.equal((await drawnTexts(page)).length, 5);
  assert.deepEqual(await faint(), ['grey on the dark element', 'half seen', 'its halo is gone']);
  await forgetDrawn(page);
  assert.deepEqual(await faint(), []);
});
