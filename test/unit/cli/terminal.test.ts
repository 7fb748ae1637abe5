// Text as wide as it looks, and columns of it.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { columns } from '../../../src/cli/table.js';
import { fit, toJson, widthOf, wrap } from '../../../src/cli/terminal.js';

describe('the width of a text', () => {
  test('counts what takes two columns as two, and an accent as none', () => {
    assert.deepEqual(['abc', 'e\u0301', '无人机', '🚁', 'дрон', ''].map(widthOf), [3, 1, 6, 2, 4, 0]);
  });

  test('is never exceeded when it is cut, and what is cut is marked', () => {
    assert.equal(fit('abcdef', 6), 'abcdef');
    assert.equal(fit('abcdef', 5), 'abcd…');
    assert.equal(fit('无人机', 5), '无人…');
    assert.equal(fit('无人机', 4), '无…');
    assert.equal(fit('🚁🚁', 2), '…');
  });

  test('is never exceeded when it is wrapped, and nothing of it is lost', () => {
    const text = `one two three ${'x'.repeat(25)} four ${'无'.repeat(12)}`;
    const lines = wrap(text, 10);
    assert.ok(
      lines.every((line) => widthOf(line) <= 10),
      lines.join('|'),
    );
    assert.equal(lines.join('').replaceAll(' ', ''), text.replaceAll(' ', ''));
    assert.deepEqual(wrap('aa bb cc', 5, ' '), ['aa bb', ' cc']);
  });
});

test('columns are as wide as what is shown in them, and one hostile cell does not shift its neighbours', () => {
  const table = columns([
    ['id', 'next'],
    ['无人机', '1'],
    ['a\u001b[31m\nb', '2'],
  ]);
  assert.deepEqual(table.split('\n'), ['id             next', '无人机         1', 'a\\u{1b}[31m b  2', '']);
});

test('JSON can be indented', () => {
  assert.equal(toJson({ a: ['\u009b'] }, 1), '{\n "a": [\n  "\\u009b"\n ]\n}');
});
