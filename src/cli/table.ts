// Lines of cells as a person reads them: each column as wide as its widest cell.
import { printable } from '../base/printable.js';
import { widthOf } from './terminal.js';

export function columns(lines: readonly (readonly string[])[]): string {
  const cells = lines.map((line) => line.map(printable));
  const widths: number[] = [];
  for (const line of cells) for (const [i, cell] of line.entries()) widths[i] = Math.max(widths[i] ?? 0, widthOf(cell));
  const padded = cells.map((line) => line.map((cell, i) => cell + ' '.repeat((widths[i] ?? 0) - widthOf(cell))));
  return padded.map((line) => `${line.join('  ').trimEnd()}\n`).join('');
}
