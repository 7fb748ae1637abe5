// What one line of an export is.
import { PayloadError } from '../base/errors.js';
import { isObject, parseJson } from '../base/json.js';
import {
  type ExportEnd,
  type ExportHeader,
  type ExportRow,
  exportEnd,
  exportHeader,
  exportRow,
} from '../schema/export-file.js';
import type { Line } from './file-lines.js';

type ExportLine =
  | { readonly is: 'nothing' }
  | { readonly is: 'header'; readonly header: ExportHeader }
  | { readonly is: 'row'; readonly row: ExportRow }
  | { readonly is: 'end'; readonly end: ExportEnd };

/** @throws PayloadError `json` or `schema`. */
export function readExportLine({ bytes, isTooLong }: Line): ExportLine {
  if (isTooLong) throw new PayloadError('the line is too long', { code: 'schema' });
  const text = bytes
    .toString('utf8')
    .replace(/^\uFEFF/, '')
    .trim();
  if (text === '') return { is: 'nothing' };
  const value = parseJson(text);
  if (isObject(value)) {
    const header = exportHeader.safeParse(value);
    if (header.success) return { is: 'header', header: header.data };
    const end = exportEnd.safeParse(value);
    if (end.success) return { is: 'end', end: end.data };
  }
  const row = exportRow.safeParse(value);
  if (!row.success) throw new PayloadError('not a line of an export', { code: 'schema' });
  return { is: 'row', row: row.data };
}

export function isOfExport(line: Line): boolean {
  try {
    return readExportLine(line).is !== 'nothing';
  } catch {
    return false; // unreadable, which may be damage
  }
}
