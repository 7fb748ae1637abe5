// THREATS.md: every row names a test that is there.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

const ROOT = join(import.meta.dirname, '../..');
const ROW = /^\| (?!asset |-)(.*) \|$/;
const NAMED = /^`([\w/.-]+\.ts)` (.+)$/;

interface Threat {
  readonly row: string;
  readonly file: string;
  readonly title: string;
}

function threats(text: string): Threat[] {
  return text
    .split('\n')
    .filter((line) => line.startsWith('|') && !/^\|(-| asset )/.test(line))
    .map((line) => {
      const cells = ROW.exec(line)?.[1]?.split(' | ') ?? [];
      const [, file = '', title = ''] = NAMED.exec(cells[3] ?? '') ?? [];
      return { row: cells.length === 4 ? line : `not four cells: ${line}`, file, title };
    });
}

/** What is wrong with a row; null when its test is there. */
function wrong({ row, file, title }: Threat): string | null {
  const path = join(ROOT, 'test', file);
  if (file === '' || !existsSync(path)) return `no such file: ${row}`;
  // Titles are written with whichever quotes suit them.
  const source = readFileSync(path, 'utf8').replaceAll("\\'", "'");
  const call = new RegExp(`(test\\(|what:)\\s*(['"\`])${title.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}\\2`);
  return call.test(source) ? null : `no such test in ${file}: ${title}`;
}

test('every threat has four cells, and a test that is there', () => {
  const found = threats(readFileSync(join(ROOT, 'THREATS.md'), 'utf8'));
  assert.ok(found.length > 30, `${found.length} rows`);
  assert.deepEqual(found.map(wrong).filter((problem) => problem !== null), []); // biome-ignore format: short
  for (const { row } of found) assert.ok(!row.startsWith('not four'), row);
});

test('a row whose test is gone would be noticed', () => {
  const [gone, moved] = threats(
    '| a | b | c | `unit/threats.test.ts` no test of this name |\n| a | b | c | `unit/no.ts` x |',
  );
  assert.match((gone && wrong(gone)) ?? '', /no such test/);
  assert.match((moved && wrong(moved)) ?? '', /no such file/);
});
