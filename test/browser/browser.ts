// A real browser of a test's own, that reaches nothing but the page under test, and tells of everything that went wrong.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { type Browser, chromium, type Page } from 'playwright-core';

const CHROMIUM = '/usr/bin/chromium';
const SCREENSHOTS = join(import.meta.dirname, '../../screenshots');

export async function startBrowser(t: TestContext): Promise<Browser> {
  const browser = await chromium.launch({
    executablePath: CHROMIUM,
    args: [
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      // Root has no sandbox.
      ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
    ],
  });
  t.after(() => browser.close());
  return browser;
}

export interface OpenPage {
  readonly page: Page;
  /** Refused by the policy, thrown, or logged as an error; of the network only what the test did not cause itself. */
  readonly troubles: string[];
  /** What it asked of anybody else. */
  readonly abroad: string[];
}

/** With the network cut off but for `url`'s own server, and `also`. */
export async function openPage(browser: Browser, url: string, also: readonly string[] = []): Promise<OpenPage> {
  const context = await browser.newContext({
    viewport: { width: 1280, height: 800 },
    colorScheme: 'light',
  });
  const troubles: string[] = [];
  const abroad: string[] = [];
  const reached = [new URL(url).origin, ...also];
  await context.route(
    (asked) => !reached.includes(asked.origin),
    (route) => {
      abroad.push(route.request().url());
      return route.abort();
    },
  );
  // What runs these tests names functions with a helper that the browser does not have.
  await context.addInitScript('globalThis.__name = (f) => f');
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  page.on('pageerror', (error) => troubles.push(`thrown: ${error.stack ?? error.message}`));
  page.on('console', (message) => {
    // Chromium says of every refused request that it was refused.
    if (message.type() === 'error' && !/Failed to load resource|ERR_|net::/.test(message.text()))
      troubles.push(message.text());
  });
  page.on('dialog', (dialog) => {
    troubles.push(`a dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  await page.goto(url);
  return { page, troubles, abroad };
}

/** @param fullPage also what one has to scroll to. */
export async function picture(page: Page, name: string, fullPage = false): Promise<void> {
  mkdirSync(SCREENSHOTS, { recursive: true });
  await page.screenshot({ path: join(SCREENSHOTS, `${name}.png`), fullPage });
}
