// Text from the air, as a terminal may have it.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { printable, printableJson } from '../../../src/base/printable.js';

const HOSTILE: readonly (readonly [what: string, text: string, shown: string])[] = [
  ['an escape sequence', 'a\u001b[2Jb', 'a\\u{1b}[2Jb'],
  ['its one-byte form', 'a\u009b2Jb', 'a\\u{9b}2Jb'],
  ['a title and a bell', '\u001b]0;x\u0007', '\\u{1b}]0;x\\u{7}'],
  ['a backspace and a return', 'ok\b\b\rno', 'ok\\u{8}\\u{8}\\u{d}no'],
  ['delete', 'a\u007f', 'a\\u{7f}'],
  ['a mark that turns the line around', 'a\u202eb\u2066c', 'a\\u{202e}b\\u{2066}c'],
  ['right-to-left and left-to-right marks', 'a\u200fb\u200e', 'a\\u{200f}b\\u{200e}'],
  ['what nobody sees', 'a\u200bb\u2060c\ufeffd', 'a\\u{200b}b\\u{2060}c\\u{feff}d'],
  ['tags', 'a\u{e0041}b', 'a\\u{e0041}b'],
  ['line separators', 'a\u2028b\u2029c', 'a\\u{2028}b\\u{2029}c'],
  ['a new line and a tab', 'a\nb\tc', 'a b c'],
  ['a lone surrogate', 'a\ud800b', 'a\\u{d800}b'],
  ['a tower of accents', `a${'\u0301'.repeat(4)}b`, 'a\u0301\u0301\\u{301}\\u{301}b'],
]; // biome-ignore format: a table

const HARMLESS = ['drone-1581F45T', 'Größe 3 m', 'e\u0301', 'ドローン', '无人机', 'дрон', 'מטוס', '🚁', '\\u{1b}', ''];

describe('printable', () => {
  for (const [what, text, shown] of HOSTILE) test(`shows ${what}`, () => assert.equal(printable(text), shown));

  test('leaves what is plainly visible', () => {
    for (const text of HARMLESS) assert.equal(printable(text), text);
  });
});

describe('printableJson', () => {
  test('is the same JSON, and holds nothing that a terminal acts on', () => {
    for (const text of [...HOSTILE.map(([, hostile]) => hostile), ...HARMLESS]) {
      for (const value of [text, { [text]: [text, `\\${text}`] }]) {
        const json = printableJson(JSON.stringify(value, null, 2));
        assert.deepEqual(JSON.parse(json), value);
        assert.equal(printable(json.replaceAll('\n', '')), json.replaceAll('\n', ''), JSON.stringify(text));
      }
    }
  });
});
