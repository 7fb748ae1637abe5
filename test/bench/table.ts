// Tables as the README has them.
import type { Result } from './row.js';

/** A row for each; their keys are the heading. */
export function markdown(rows: readonly object[]): string {
  const names = Object.keys(rows[0] ?? {});
  return [line(names), `|${names.map(() => '---|').join('')}`, ...rows.map((row) => line(Object.values(row))), ''].join(
    '\n',
  );
}

const HEADINGS = [
  'what',
  'here',
  'yardstick',
  'ratio',
  'spread',
  'runs',
  'generator CPU, s a run',
  'target',
  'reached',
];

/** Of the table of rows, which are printed one by one. */
export const HEADING = `${line(HEADINGS)}\n|${HEADINGS.map(() => '---|').join('')}\n`;

export function lineOf({ row, spread, runs, generatorCpuS, note }: Result): string {
  const cells = [
    row.name,
    `${row.value} ${row.unit}${note === null ? '' : ` (${note})`}`,
    row.yardstick ?? '',
    row.ratio ?? '',
    spread[0] === spread[1] ? '' : spread.join(' to '),
    runs,
    generatorCpuS ?? '',
    row.target,
    row.target === 'none' ? '' : row.ok ? 'yes' : `no: ${row.reason}`,
  ];
  return `${line(cells)}\n`;
}

function line(cells: readonly unknown[]): string {
  return `| ${cells.join(' | ')} |`;
}
