// The contrast of every text on a page with what is behind it, and where it is too small: of elements, of placeholders,
// and of what is drawn on canvases, for which `watchCanvases` has to look on.
import type { Page } from 'playwright-core';
import { contrast, over, type Rgb } from '../fixtures/wcag-contrast.js';

export interface Faint {
  readonly text: string;
  readonly ratio: number;
  readonly colour: Rgb;
  readonly behind: Rgb;
}

/** A text with its colour, of which `alpha` covers what is behind it. */
interface Seen {
  readonly text: string;
  readonly colour: Rgb;
  readonly alpha: number;
  readonly behind: Rgb;
}

/** The same, of a canvas. */
interface Drawn {
  readonly text: string;
  readonly colour: string;
  readonly alpha: number;
  /** The uppermost first: what was painted below it, or else the backgrounds of the elements that it lies in. */
  readonly grounds: readonly string[];
}

type Watched = typeof globalThis & { drawnTexts?: Map<string, Drawn> };

/** From now on each text that is drawn on a canvas is kept, until `forgetDrawn`; also after the page was loaded anew. */
export async function watchCanvases(page: Page): Promise<void> {
  await page.addInitScript(keepDrawn);
  await page.evaluate(keepDrawn);
}

/** In the page. */
function keepDrawn(): void {
  const texts = new Map<string, Drawn>();
  (globalThis as Watched).drawnTexts = texts;
  const { prototype } = CanvasRenderingContext2D;
  const { fillText, strokeText, fill, clearRect } = prototype;
  const grounds = new WeakMap<CanvasRenderingContext2D, string>();
  prototype.clearRect = function (...box) {
    grounds.delete(this);
    clearRect.apply(this, box);
  };
  // A disc under a letter.
  prototype.fill = function (...how: unknown[]) {
    grounds.set(this, String(this.fillStyle));
    Reflect.apply(fill, this, how);
  };
  // A halo.
  prototype.strokeText = function (...what) {
    grounds.set(this, String(this.strokeStyle));
    strokeText.apply(this, what);
  };
  prototype.fillText = function (...what) {
    const painted = grounds.get(this);
    const below: string[] = painted === undefined ? [] : [painted];
    for (let one: Element | null = this.canvas; painted === undefined && one !== null; one = one.parentElement) {
      below.push(getComputedStyle(one).backgroundColor);
    }
    const drawn = { text: what[0], colour: String(this.fillStyle), alpha: this.globalAlpha, grounds: below };
    texts.set(JSON.stringify(drawn), drawn);
    fillText.apply(this, what);
  };
}

export async function forgetDrawn(page: Page): Promise<void> {
  await page.evaluate(() => (globalThis as Watched).drawnTexts?.clear());
}

export function drawnTexts(page: Page): Promise<string[]> {
  return page.evaluate(() => [...((globalThis as Watched).drawnTexts?.values() ?? [])].map(({ text }) => text));
}

/** Texts with less than `least`, of what is seen now and of what was drawn since `forgetDrawn`. */
export async function faintTexts(page: Page, least: number): Promise<Faint[]> {
  const seen = await page.evaluate(seenTexts);
  return seen
    .map(({ text, colour, alpha, behind }) => {
      return { text: text.slice(0, 60), ratio: contrast(over(colour, alpha, behind), behind), colour, behind };
    })
    .filter(({ ratio }) => ratio < least);
}

/** In the page. */
function seenTexts(): Seen[] {
  const painter = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  if (painter === null) throw new Error('no canvas');
  // Whatever way a colour is written, a canvas knows its numbers.
  const numbers = (colour: string): { rgb: [number, number, number]; alpha: number } => {
    painter.clearRect(0, 0, 1, 1);
    painter.fillStyle = colour;
    painter.fillRect(0, 0, 1, 1);
    const [r = 0, g = 0, b = 0, a = 0] = painter.getImageData(0, 0, 1, 1).data;
    return { rgb: [r, g, b], alpha: a / 255 };
  };
  const mixed = (grounds: readonly string[]): [number, number, number] => {
    const layers = grounds.map(numbers);
    const opaque = layers.findIndex(({ alpha }) => alpha === 1);
    const sheet: [number, number, number] = matchMedia('(prefers-color-scheme: dark)').matches
      ? [0, 0, 0]
      : [255, 255, 255];
    return layers
      .slice(0, opaque === -1 ? layers.length : opaque + 1)
      .reduceRight<[number, number, number]>((under, { rgb: [r, g, b], alpha }) => {
        const rest = 1 - alpha;
        return [r * alpha + under[0] * rest, g * alpha + under[1] * rest, b * alpha + under[2] * rest];
      }, sheet);
  };
  const behind = (element: Element): [number, number, number] => {
    const grounds: string[] = [];
    for (let one: Element | null = element; one !== null; one = one.parentElement) {
      grounds.push(getComputedStyle(one).backgroundColor);
    }
    return mixed(grounds);
  };
  const isSeen = (element: Element): boolean =>
    element.checkVisibility({ opacityProperty: true, visibilityProperty: true });
  const seen = (text: string, style: CSSStyleDeclaration, element: Element): Seen => {
    const { rgb, alpha } = numbers(style.color);
    return { text, colour: rgb, alpha: alpha * Number(style.opacity), behind: behind(element) };
  };
  const found: Seen[] = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node !== null; node = walker.nextNode()) {
    const element = node.parentElement;
    const text = node.textContent?.trim() ?? '';
    if (element === null || text === '' || !isSeen(element)) continue;
    if (element.closest('noscript, script, style') === null) found.push(seen(text, getComputedStyle(element), element));
  }
  for (const input of document.querySelectorAll('input')) {
    if (!isSeen(input)) continue;
    const [style, text] =
      input.value === ''
        ? [getComputedStyle(input, '::placeholder'), input.placeholder]
        : [getComputedStyle(input), input.value];
    if (text !== '' && !['checkbox', 'radio', 'range'].includes(input.type)) found.push(seen(text, style, input));
  }
  for (const { text, colour, alpha, grounds } of (globalThis as Watched).drawnTexts?.values() ?? []) {
    const { rgb, alpha: own } = numbers(colour);
    found.push({ text, colour: rgb, alpha: alpha * own, behind: mixed(grounds) });
  }
  return found;
}
