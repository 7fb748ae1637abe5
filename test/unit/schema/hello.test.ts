// What a server says of itself.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Hello, hello } from '../../../src/schema/hello.js';

const HELLO: Hello = {
  v: 1,
  server_id: 'host.example',
  store_id: 'a1b2c3',
  boot_id: 'd4e5f6',
  session: 3,
  wire: ['topics', 'stream/1'],
  credit: 1_500,
  store: 'ok',
  online: true,
};

test('hello is what the design says, and may have more', () => {
  assert.deepEqual(hello.parse(HELLO), HELLO);
  const away = { ...HELLO, online: false, store: 'down', credit: 0, wire: [], later: { x: 1 } };
  assert.deepEqual(hello.parse(away), away);
});

test('hello without one of its fields, or with a wrong one, is refused', () => {
  for (const name of Object.keys(HELLO)) {
    assert.equal(hello.safeParse({ ...HELLO, [name]: undefined }).success, false, `without ${name}`);
    assert.equal(hello.safeParse({ ...HELLO, [name]: null }).success, false, `${name} null`);
    assert.equal(hello.safeParse({ ...HELLO, [name]: { x: 1 } }).success, false, `${name} an object`);
  }
  const wrong = [
    { v: 2 },
    { credit: -1 },
    { credit: 1.5 },
    { session: '3' },
    { store: 'full' },
    { wire: 'topics' },
    { online: 1 },
  ];
  for (const field of wrong)
    assert.equal(hello.safeParse({ ...HELLO, ...field }).success, false, JSON.stringify(field));
  for (const none of [null, undefined, [], 'hello', 1]) assert.equal(hello.safeParse(none).success, false);
});
