// JSON as Python and the radio make it.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { isObject, parseJson } from '../../../src/base/json.js';

const REPLACEMENT = '\uFFFD';

describe('parseJson', () => {
  const cases: [what: string, text: string, value: unknown][] = [
    ['NaN is null', '{"a":NaN,"b":[NaN,1]}', { a: null, b: [null, 1] }],
    ['Infinity is null', '{"a":Infinity,"b":-Infinity,"c":-1}', { a: null, b: null, c: -1 }],
    ['NaN alone is null', 'NaN', null],
    ['words in text stay', '{"NaN":"NaN, -Infinity","b":NaN}', { NaN: 'NaN, -Infinity', b: null }],
    ['escaped quotes end no text', '{"a":"\\"NaN\\\\","b":NaN}', { a: '"NaN\\', b: null }],
    ['a backslash before the last quote', '{"a":"\\\\","b":NaN,"c":"NaN"}', { a: '\\', b: null, c: 'NaN' }],
    ['too large for a double is null', '[1e400,-1e400,1e308]', [null, null, 1e308]],
    ['too small for a double is zero', '[1e-400]', [0]],
    ['a lone surrogate is replaced', '{"a":"x\\ud800y","b":"\\udc00"}', { a: `x${REPLACEMENT}y`, b: REPLACEMENT }],
    ['a pair of surrogates stays', '{"a":"\\ud83d\\ude81"}', { a: '\u{1F681}' }],
    ['NUL is replaced, other control characters stay', '["a\\u0000b\\u0001"]', [`a${REPLACEMENT}b\u0001`]],
    ['names are cleaned like text', '{"a\\u0000":1,"\\ud800":2}', { [`a${REPLACEMENT}`]: 1, [REPLACEMENT]: 2 }],
    ['no prototype is taken over', '{"__proto__":{"admin":true},"a":{"__proto__":1,"b":2}}', { a: { b: 2 } }],
    ['constructor is a name like any other', '{"constructor":{"prototype":1}}', { constructor: { prototype: 1 } }],
    ['the last of two equal names wins', '{"a":1,"a":2}', { a: 2 }],
    ['scalars', ' "x" ', 'x'],
  ];
  for (const [what, text, value] of cases) {
    test(what, () => assert.deepEqual(parseJson(text), value));
  }

  for (const text of [
    '',
    '{',
    '{"a":}',
    "{'a':1}",
    '{"a":1,}',
    'nan',
    '{"a":NaNa}',
    '[-NaN]',
    '\uFEFF{}',
    '"NaN',
    '1 2',
  ]) {
    test(`refuses ${JSON.stringify(text)}`, () => {
      assert.throws(() => parseJson(text), { name: 'PayloadError', code: 'json' });
    });
  }

  test('takes 32 levels and no more', () => {
    const nested = (levels: number): string => '['.repeat(levels) + ']'.repeat(levels);
    assert.ok(Array.isArray(parseJson(nested(32))));
    assert.throws(() => parseJson(nested(33)), { name: 'PayloadError', code: 'depth' });
    assert.throws(() => parseJson(nested(100_000)), { code: 'depth' });
    assert.throws(() => parseJson(`${'{"a":'.repeat(33)}NaN${'}'.repeat(33)}`), { code: 'depth' });
  });

  test('is not held up by text made to hold it up', () => {
    // With a pattern that tries every quote as a beginning this takes seconds.
    const startedAt = performance.now();
    for (const hostile of [
      `NaN"${'\\"'.repeat(30_000)}`,
      `NaN${'"\\'.repeat(30_000)}`,
      `NaN"${'\\"'.repeat(30_000)}\\\n`,
    ]) {
      assert.throws(() => parseJson(hostile), { code: 'json' });
    }
    assert.ok(performance.now() - startedAt < 500);
  });

  test('reads whatever JSON.stringify writes, and always gives strict JSON back', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4, stringUnit: 'grapheme' }), (value) => {
        const text = JSON.stringify(value);
        fc.pre(!/\\u0000|"__proto__"/.test(text));
        assert.deepEqual(parseJson(text), JSON.parse(text));
      }),
    );
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4, stringUnit: 'binary' }), fc.string({ unit: 'binary' }), (value, text) => {
        const python = `{"number":NaN,"value":${JSON.stringify(value)},${JSON.stringify(text)}:-Infinity}`;
        const again = JSON.stringify(parseJson(python));
        assert.ok(!/\\u0000|\\ud[89a-f]/.test(again.replaceAll('\\\\', '')), again);
        assert.equal(JSON.stringify(parseJson(again)), again);
      }),
    );
  });
});

test('isObject knows an object from an array and from null', () => {
  assert.ok(isObject({}));
  for (const other of [[], null, undefined, 'x', 1, true]) assert.ok(!isObject(other));
});
