// Hostile text on its way to a terminal.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { printable, printableJson } from '../../../src/cli/printable.js';

const HOSTILE = 'DJI\u001b[2J\u009b31m\u202e\u200b\u{e0001}\u0000\r\n\tmini';

test('text from the air is on one line, and nothing in it is obeyed', () => {
  assert.equal(printable(HOSTILE), 'DJI\\u{1b}[2J\\u{9b}31m\\u{202e}\\u{200b}\\u{e0001}\\u{0}\\u{d}  mini');
});

test('a message that is shown whole stays the same message', () => {
  const message = { id: HOSTILE, description: 'Größe 🚁', [HOSTILE]: [1] };
  const shown = printableJson(message);
  assert.ok(!/[\p{Cc}\p{Cf}]/u.test(shown.replaceAll('\n', '')));
  assert.deepEqual(JSON.parse(shown), message);
});
