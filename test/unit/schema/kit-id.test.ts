// Which texts name a kit.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isKitId, UNKNOWN_KIT } from '../../../src/schema/kit-id.js';

test('a kit id is short and plain', () => {
  for (const id of ['wardragon-LAB0001', 'a', 'A.b_c-9', 'x'.repeat(64)]) assert.ok(isKitId(id), id);
  const wrong = ['', 'x'.repeat(65), 'a b', 'a/b', 'a+b', 'a#b', 'ä', 'a\n', 'a\0', '"', 1, null, undefined, {}, ['a']];
  for (const id of wrong) assert.ok(!isKitId(id), JSON.stringify(id));
});

test('a kit that does not know its name yet has none', () => {
  assert.equal(UNKNOWN_KIT, 'wardragon-unknown');
  assert.ok(!isKitId(UNKNOWN_KIT));
});
