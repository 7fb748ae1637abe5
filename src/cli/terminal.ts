// What a command writes: JSON that is harmless in a terminal, and text as wide as it looks there.
import { printableJson } from '../base/printable.js';

/** Characters that take two columns. */
const WIDE =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Emoji_Presentation}\u3000-\u303f\uff01-\uff60\uffe0-\uffe6]/u;
const MARK = /\p{M}/u;

/** As JSON on one line, or indented; its reader gets the same as from JSON.stringify. */
export function toJson(value: unknown, indent?: number): string {
  return printableJson(JSON.stringify(value, null, indent));
}

/** How many columns a printable text takes. */
export function widthOf(text: string): number {
  let width = 0;
  for (const char of text) width += columnsOf(char);
  return width;
}

function columnsOf(char: string): number {
  if (MARK.test(char)) return 0;
  return WIDE.test(char) ? 2 : 1;
}

/** Cut to so many columns, its end marked when any of it is gone. */
export function fit(text: string, width: number): string {
  if (widthOf(text) <= width) return text;
  let cut = '';
  let used = 0;
  for (const char of text) {
    used += columnsOf(char);
    if (used > width - 1) break;
    cut += char;
  }
  return `${cut}…`;
}

/** On lines of so many columns at most, the further ones indented; a word that is longer is cut in pieces. */
export function wrap(text: string, width: number, indent = ''): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ').flatMap((one) => pieces(one, width - indent.length))) {
    const longer = line === '' ? word : `${line} ${word}`;
    if (line !== '' && widthOf(longer) > width) {
      lines.push(line);
      line = `${indent}${word}`;
    } else line = longer;
  }
  return [...lines, line];
}

function pieces(word: string, width: number): string[] {
  if (widthOf(word) <= width) return [word];
  const found: string[] = [];
  let piece = '';
  for (const char of word) {
    if (widthOf(piece + char) > width) {
      found.push(piece);
      piece = '';
    }
    piece += char;
  }
  return [...found, piece];
}
