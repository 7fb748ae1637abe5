// The broker's access rules are those of the topics that kits and servers use, and the shipped files agree with the code.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import * as topics from '../../../../src/schema/topics.js';
import { kitAcl, memberAcl, withoutMember } from '../../../../src/server/enrol/acl.js';
import { memberName } from '../../../../src/server/enrol/members.js';
import { newPassword, withoutUser, withPassword } from '../../../../src/server/enrol/passwords.js';
import { SHIPPED } from '../../../fixtures/fleet.js';

const KIT = 'wardragon.A';
const { user } = memberName('kit', KIT);

function rules(kind: 'write' | 'read'): string[] {
  const found = kitAcl().matchAll(new RegExp(`^pattern ${kind} (.*)$`, 'gm'));
  return [...found].map(([, topic = '']) => topic.replace('%u', user));
}

test('a kit may write and read what it has to, and nothing else', () => {
  const { state, availability } = topics.systemTopics(topics.DEFAULT_TOPICS, KIT);
  const own = [topics.streamTopic(KIT), topics.statusTopic(KIT), topics.serviceTopic(KIT), availability, state];
  assert.deepEqual(rules('write'), own);
  assert.deepEqual(rules('read'), [topics.ackTopic(KIT), topics.HELLO_FILTER]);
});

test('config/mosquitto/acl is how the rules begin', () => {
  assert.equal(readFileSync(join(SHIPPED, 'acl'), 'utf8'), kitAcl());
});

test('the three broker files differ in who is let in, not in what is kept', () => {
  const common = (name: string): string | undefined =>
    /\n# What is confirmed[\s\S]*$/.exec(readFileSync(join(SHIPPED, `${name}.conf`), 'utf8'))?.[0];
  assert.ok(common('lab')?.includes('max_queued_bytes'));
  for (const name of ['password', 'mtls']) assert.equal(common(name), common('lab'));
});

test('a server says hello under its own name', () => {
  const acl = memberAcl(memberName('server', 'main'));
  assert.match(acl, new RegExp(`^topic write ${topics.helloTopic('main')}$`, 'm'));
  assert.match(acl, /^user main@server$/m);
});

test('rules of one member go without those of its neighbours', () => {
  const members = ['one', 'two', 'three'].map((name) => memberName('reader', name));
  const all = members.reduce((acl, one) => acl + memberAcl(one), kitAcl());
  for (const gone of members) {
    const expected = members.filter((one) => one !== gone).reduce((acl, one) => acl + memberAcl(one), kitAcl());
    assert.equal(withoutMember(all, gone.user), expected);
  }
  assert.equal(withoutMember(all, 'two'), all);
});

test('no two roles have the same user, and none is a kit’s topic level', () => {
  assert.deepEqual([user, memberName('reader', 'x').user], ['wardragon_A', 'x@reader']);
  for (const name of ['', 'a b', 'a@b', 'a/b', 'x'.repeat(41), 'a\n']) {
    assert.throws(() => memberName('reader', name), /can't be the name/);
  }
  for (const name of ['', 'a/b', '+', '#', 'wardragon-unknown']) assert.throws(() => memberName('kit', name), /kit id/);
});

test('a password is 256 bits, is kept as its hash, and goes with its user alone', () => {
  const password = newPassword();
  assert.equal(Buffer.from(password, 'base64url').length, 32);
  const file = withPassword(withPassword(withPassword('', 'a', password), 'ab', 'other'), 'a', password);
  assert.ok(!file.includes(password));
  assert.deepEqual(file.split('\n').map((line) => line.split(':')[0]), ['ab', 'a', '']); // biome-ignore format: short
  assert.match(withoutUser(file, 'a'), /^ab:[^\n]*\n$/);
});
