// The contrast of every text on a page with what is behind it, by WCAG 2's formula, and where it is too small.
import type { Page } from 'playwright-core';

export interface Faint {
  readonly text: string;
  readonly ratio: number;
  readonly colour: string;
  readonly behind: string;
}

/** Texts with less than `least`, of what is seen now. Canvases are not read. */
export function faintTexts(page: Page, least: number): Promise<Faint[]> {
  return page.evaluate((minimum) => {
    const painter = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
    if (painter === null) throw new Error('no canvas');
    // Whatever way a colour is written, a canvas knows its numbers.
    const numbers = (colour: string): [number, number, number, number] => {
      painter.clearRect(0, 0, 1, 1);
      painter.fillStyle = colour;
      painter.fillRect(0, 0, 1, 1);
      const [r = 0, g = 0, b = 0, a = 0] = painter.getImageData(0, 0, 1, 1).data;
      return [r, g, b, a / 255];
    };
    const luminance = ([r, g, b]: readonly number[]): number => {
      const [red = 0, green = 0, blue = 0] = [r, g, b].map((value = 0) => {
        const share = value / 255;
        return share <= 0.03928 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
      });
      return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
    };
    const behind = (element: Element): [number, number, number] => {
      const layers: [number, number, number, number][] = [];
      for (let one: Element | null = element; one !== null; one = one.parentElement) {
        const layer = numbers(getComputedStyle(one).backgroundColor);
        if (layer[3] > 0) layers.push(layer);
        if (layer[3] === 1) break;
      }
      const ground: [number, number, number] = matchMedia('(prefers-color-scheme: dark)').matches
        ? [0, 0, 0]
        : [255, 255, 255];
      return layers
        .reverse()
        .reduce<[number, number, number]>(
          (under, [r, g, b, a]) => [r * a + under[0] * (1 - a), g * a + under[1] * (1 - a), b * a + under[2] * (1 - a)],
          ground,
        );
    };
    const found: { text: string; ratio: number; colour: string; behind: string }[] = [];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node !== null; node = walker.nextNode()) {
      const element = node.parentElement;
      const text = node.textContent?.trim() ?? '';
      if (
        element === null ||
        text === '' ||
        !element.checkVisibility({ opacityProperty: true, visibilityProperty: true })
      )
        continue;
      if (element.closest('noscript, script, style') !== null) continue;
      const colour = getComputedStyle(element).color;
      const ground = behind(element);
      const [one, other] = [luminance(numbers(colour)), luminance(ground)];
      const ratio = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
      if (ratio < minimum)
        found.push({ text: text.slice(0, 60), ratio, colour, behind: ground.map(Math.round).join(',') });
    }
    return found;
  }, least);
}
