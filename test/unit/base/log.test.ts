// The log's lines: plain JSON for a terminal or a file, with their priority for systemd's journal.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { tempFolder } from '../../fixtures/temp-folder.js';

const SCRIPT = `
  import { createLogger } from './src/base/log.ts';
  const log = createLogger('debug');
  log.debug('d'); log.info('i'); log.warn({ code: 'x' }, 'w'); log.error('e');
`;

test('a line has its priority where the journal reads it, and nowhere else', (t) => {
  const file = join(tempFolder(t), 'log');
  const lines = (streamOf: (fd: number) => string): string[] => {
    const fd = openSync(file, 'w');
    const env = { ...process.env, JOURNAL_STREAM: streamOf(fd) };
    const args = ['--import', 'tsx', '--input-type=module', '--eval', SCRIPT];
    execFileSync(process.execPath, args, { env, stdio: ['ignore', 'ignore', fd] });
    closeSync(fd);
    return readFileSync(file, 'utf8').trimEnd().split('\n');
  };
  const starts = lines((fd) => `${fstatSync(fd).dev}:${fstatSync(fd).ino}`).map((line) => line.slice(0, 4));
  assert.deepEqual(starts, ['<7>{', '<6>{', '<4>{', '<3>{']);
  const messages = lines(() => '1:2').map((line) => (JSON.parse(line) as { msg: string }).msg);
  assert.deepEqual(messages, ['d', 'i', 'w', 'e']);
});
