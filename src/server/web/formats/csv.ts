// CSV as RFC 4180 has it, safe to open in a spreadsheet: text that it would take for a formula is marked as text.
import { SIGNAL_COLUMNS, TRACK_COLUMNS } from '../../../schema/web/shapes.js';
import type { SignalRow, TrackRow } from '../../reads.js';

const LINE_END = '\r\n';
/** Also behind what a spreadsheet skips, and in the wide forms that some read alike. */
const FORMULA = /^[\s\p{Cc}\p{Cf}]*[=+\-@\t\r\n＝＋－＠]/u;

export function cell(value: unknown): string {
  if (value === null || value === undefined) return '';
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  const safe = FORMULA.test(text) ? `'${text}` : text;
  return /[",\r\n']/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

export function tracksCsv(pages: AsyncIterable<readonly TrackRow[]>): AsyncIterable<string> {
  return table(['time', 'kind', 'id', 'kit_id', ...TRACK_COLUMNS, 'late'], pages);
}

export function signalsCsv(pages: AsyncIterable<readonly SignalRow[]>): AsyncIterable<string> {
  return table(['time', 'kit_id', ...SIGNAL_COLUMNS, 'late'], pages);
}

async function* table<Row extends object>(
  columns: readonly string[],
  pages: AsyncIterable<readonly Row[]>,
): AsyncGenerator<string> {
  yield columns.join(',') + LINE_END;
  for await (const rows of pages) {
    const lines = rows.map((row) => columns.map((column) => cell((row as Record<string, unknown>)[column])).join(','));
    yield lines.join(LINE_END) + LINE_END;
  }
}
