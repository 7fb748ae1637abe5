// The colours of what is drawn, in light and dark: text 7:1, and every sign 3:1 (WCAG 2.2, 1.4.11), on all it may lie on.
// Of texts in elements, and of which colours the canvases really take, test/browser/contrast.ts knows.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { FAINT_ALPHA, TRAIL_ALPHA } from '../../../src/page/map/palette.js';
import { contrast, over, type Rgb } from '../../fixtures/wcag-contrast.js';

const STYLES = join(import.meta.dirname, '../../../src/page/styles');
const SCHEMES = ['light', 'dark'] as const;
const DARK = '@media (prefers-color-scheme: dark)';

/** The custom properties of a style sheet; in the dark those of light hold that are not set again. */
function coloursOf(scheme: (typeof SCHEMES)[number]): (name: string) => Rgb {
  const sheets = ['theme.css', 'timeline.css'].map((file) => readFileSync(join(STYLES, file), 'utf8'));
  const parts = sheets.map((sheet) => {
    const [light = '', dark = ''] = sheet.split(DARK);
    return scheme === 'light' ? light : light + dark;
  });
  const found = new Map(
    [...parts.join('\n').matchAll(/--([\w-]+):\s*(#[\da-f]{6});/g)].map(([, name, hex]) => [name, hex]),
  );
  return (name) => {
    const hex = found.get(name) ?? assert.fail(`no colour --${name}`);
    return [1, 3, 5].map((at) => Number.parseInt(hex.slice(at, at + 2), 16)) as unknown as Rgb;
  };
}

const MAP_GROUNDS = ['map-sea', 'map-land', 'map-halo'];
const KINDS = ['map-drone', 'map-aircraft', 'map-signal'];

/** What is drawn, on what, and how much of it covers that. */
const TEXTS: readonly (readonly [what: string, grounds: readonly string[]])[] = [
  ['map-text', MAP_GROUNDS],
  // The letters of pilot and home.
  ['map-drone', ['map-halo']],
  ['muted', ['surface']],
];
const SIGNS: readonly (readonly [what: string, grounds: readonly string[], share?: number])[] = [
  ...[...KINDS, 'map-kit', 'map-selected'].map((what) => [what, MAP_GROUNDS] as const),
  ...[...KINDS, 'map-kit'].flatMap((what) => {
    return [TRAIL_ALPHA, FAINT_ALPHA].map((alpha) => [what, ['map-sea', 'map-land'], alpha] as const);
  }),
  ...['map-system', ...KINDS].map((what) => [what, ['surface', 'bg']] as const),
  ...['lane-sent', 'lane-filled', 'lane-gap'].map((what) => [what, ['raised']] as const),
];

for (const scheme of SCHEMES) {
  test(`in ${scheme} what is drawn is seen on whatever lies below it`, () => {
    const colour = coloursOf(scheme);
    for (const [least, pairs] of [
      [7, TEXTS],
      [3, SIGNS],
    ] as const) {
      for (const [what, grounds, share = 1] of pairs) {
        for (const ground of grounds) {
          const ratio = contrast(over(colour(what), share, colour(ground)), colour(ground));
          assert.ok(ratio >= least, `--${what} on --${ground}: ${ratio.toFixed(2)}, not ${least}`);
        }
      }
    }
  });
}
