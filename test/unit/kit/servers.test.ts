// Which servers are there.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createLogger } from '../../../src/base/log.js';
import { Servers } from '../../../src/kit/servers.js';
import type { Hello } from '../../../src/schema/hello.js';
import { MemoryLog } from '../../fixtures/memory-log.js';

const HELLO: Hello = {
  v: 1,
  server_id: 'a',
  store_id: 'store-1',
  boot_id: 'boot-1',
  session: 1,
  wire: ['topics'],
  credit: 1_500,
  store: 'ok',
  online: true,
};

function serversOf(bound: string | null = 'store-1'): Servers {
  return new Servers(() => bound, createLogger('silent'));
}

describe('servers', () => {
  test('one that says hello is there, and what is not acknowledged goes to it', () => {
    const servers = serversOf();
    assert.equal(servers.isServed, false);
    assert.equal(servers.hello(HELLO, true), true);
    assert.equal(servers.isServed, true);
    assert.equal(servers.credit, 1_500);
  });

  test('the same hello again is no news; a new start, a new session or a return is', () => {
    const servers = serversOf();
    servers.hello(HELLO, true);
    assert.equal(servers.hello(HELLO, false), false);
    assert.equal(servers.hello({ ...HELLO, boot_id: 'boot-2' }, false), true);
    assert.equal(servers.hello({ ...HELLO, boot_id: 'boot-2', session: 2 }, false), true);
    assert.equal(servers.hello({ ...HELLO, boot_id: 'boot-2', session: 2, online: false }, false), false);
    assert.equal(servers.isServed, false);
    assert.equal(servers.hello({ ...HELLO, boot_id: 'boot-2', session: 2 }, false), true);
  });

  test('without its database a server is not there', () => {
    const servers = serversOf();
    servers.hello({ ...HELLO, store: 'down' }, false);
    assert.equal(servers.isServed, false);
    assert.equal(servers.hello(HELLO, false), true);
    assert.equal(servers.isServed, true);
  });

  test('of two the smaller credit holds', () => {
    const servers = serversOf();
    servers.hello(HELLO, true);
    servers.hello({ ...HELLO, server_id: 'b', credit: 10 }, true);
    assert.equal(servers.credit, 10);
    servers.hello({ ...HELLO, server_id: 'b', credit: 10, online: false }, false);
    assert.equal(servers.credit, 1_500);
  });

  test('one of several that goes, by its last word or for want of its database, leaves one less', () => {
    const servers = serversOf();
    for (const server_id of ['a', 'b', 'c']) servers.hello({ ...HELLO, server_id }, true);
    servers.hello({ ...HELLO, server_id: 'a', online: false }, false);
    assert.deepEqual([servers.count, servers.isServed], [2, true]);
    servers.hello({ ...HELLO, server_id: 'b', store: 'down' }, false);
    assert.deepEqual([servers.count, servers.isServed], [1, true]);
  });

  test('one that acknowledges nothing counts as away until it speaks again; a retained word is none', () => {
    const servers = serversOf();
    servers.hello(HELLO, true);
    servers.fellSilent();
    assert.deepEqual([servers.isServed, servers.isInDoubt], [false, true]);
    assert.equal(servers.hello(HELLO, true), false);
    assert.equal(servers.isServed, false);
    assert.equal(servers.hello(HELLO, false), true);
    assert.equal(servers.isServed, true);
    servers.fellSilent();
    assert.equal(servers.acknowledged('store-1'), 'return');
    assert.equal(servers.acknowledged('store-1'), 'take');
    assert.equal(servers.isServed, true);
  });

  test('a server of another database is ignored, with one alarm for each that says what to do', () => {
    const log = new MemoryLog();
    let bound: string | null = 'store-1';
    const servers = new Servers(() => bound, log);
    for (let i = 0; i < 6; i += 1) {
      const server = { ...HELLO, server_id: `s${i % 2}`, store_id: `store-${2 + (i % 2)}` };
      assert.equal(servers.hello(server, false), false);
    }
    assert.equal(servers.acknowledged('store-2'), 'ignore');
    assert.equal(servers.isServed, false);
    assert.equal(servers.conflict, 'store-2', 'the last that spoke');
    assert.equal(log.lines.filter(({ fields }) => String(fields['hint']).includes('spool rebind')).length, 2);
    bound = null;
    servers.forgetConflict();
    assert.equal(servers.isServed, true, 'after a rebind its hello, which was kept, counts');
  });

  test('a new connection knows nobody', () => {
    const servers = serversOf();
    servers.hello(HELLO, true);
    servers.begin();
    assert.equal(servers.isServed, false);
    assert.equal(servers.hello(HELLO, true), true);
  });

  test('hellos of a hostile broker do not fill the memory', () => {
    const servers = serversOf();
    for (let i = 0; i < 1_000; i += 1) servers.hello({ ...HELLO, server_id: `s${i}` }, true);
    assert.equal(servers.hello({ ...HELLO, server_id: 's999' }, true), false);
    assert.equal(servers.isServed, true);
  });
});
