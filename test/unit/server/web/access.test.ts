// Who may look and who may act: by address, by token, by session; and who is kept out.
import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { describe, type TestContext, test } from 'node:test';
import { Access, type AccessOptions } from '../../../../src/server/web/access.js';
import { clientOf, networkOf } from '../../../../src/server/web/client-address.js';
import { RateLimit } from '../../../../src/server/web/rate-limit.js';
import { LASTS_S, Sessions } from '../../../../src/server/web/sessions.js';

const TOKEN = 'correct-horse-battery-staple';
const LOCAL = 'localhost:8095';

function asked(headers: Record<string, string> = {}, method = 'GET', remoteAddress = '127.0.0.1'): IncomingMessage {
  return { method, headers: { host: LOCAL, ...headers }, socket: { remoteAddress } } as unknown as IncomingMessage;
}

function accessOf(over: Partial<AccessOptions> = {}): Access {
  return new Access({ isLocal: true, token: TOKEN, isProxy: () => false, ...over });
}

const roleOf = async (access: Access, request: IncomingMessage): Promise<string> =>
  (await access.identify(request)).role;

describe('without a login', () => {
  test('whoever asks on loopback by its own name may look', async () => {
    for (const host of [LOCAL, '127.0.0.1', '127.0.0.1:8095', '[::1]:8095', 'LOCALHOST']) {
      assert.equal(await roleOf(accessOf(), asked({ host })), 'viewer', host);
    }
  });

  test('nobody may who comes by another name, or through a proxy, or to another address', async () => {
    for (const host of ['evil.example', 'localhost.evil.example', '127.0.0.1.evil.example:8095', '10.0.0.5', '']) {
      assert.equal(await roleOf(accessOf(), asked({ host })), 'none', host);
    }
    assert.equal(await roleOf(accessOf(), asked({ 'x-forwarded-for': '203.0.113.5' })), 'none');
    assert.equal(await roleOf(accessOf(), asked({ forwarded: 'for=203.0.113.5' })), 'none');
    assert.equal(await roleOf(accessOf({ isLocal: false }), asked()), 'none');
  });

  test('a viewer acts on nothing, and a stranger sees nothing', async () => {
    const access = accessOf();
    const viewer = await access.identify(asked());
    access.admit(viewer, 'viewer', asked());
    assert.throws(() => access.admit(viewer, 'operator', asked({}, 'POST')), { code: 'operator', status: 403 });
    const stranger = await access.identify(asked({ host: 'evil.example' }));
    access.admit(stranger, 'open', asked());
    assert.throws(() => access.admit(stranger, 'viewer', asked()), { code: 'login', status: 401 });
    const tokenless = accessOf({ token: null });
    assert.equal(tokenless.canLogIn, false);
    await assert.rejects(tokenless.logIn(asked({}, 'POST'), ''), { code: 'login', hint: /HTTP_TOKEN_FILE/ });
  });
});

describe('a login', () => {
  async function loggedIn(access: Access): Promise<{ cookie: string; csrf: string }> {
    const { cookie, visitor } = await access.logIn(asked({}, 'POST'), TOKEN);
    assert.match(cookie, /^dragonsink_session=[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict; Max-Age=43200$/);
    return { cookie: cookie.split(';')[0] ?? '', csrf: visitor.session?.csrf ?? '' };
  }

  test('makes an operator, from anywhere, until the logout', async () => {
    const access = accessOf({ isLocal: false });
    const { cookie } = await loggedIn(access);
    const request = asked({ host: 'sink.example', cookie: `a=b; ${cookie}; c=d` });
    assert.equal(await roleOf(access, request), 'operator');
    assert.match(access.logOut(request), /Max-Age=0/);
    assert.equal(await roleOf(access, request), 'none');
  });

  test('changes nothing without the word that only our page knows', async () => {
    const access = accessOf();
    const { cookie, csrf } = await loggedIn(access);
    const tried = async (headers: Record<string, string>, method = 'DELETE'): Promise<void> => {
      const request = asked({ cookie, ...headers }, method);
      access.admit(await access.identify(request), 'operator', request);
    };
    await tried({ 'x-csrf-token': csrf });
    await tried({}, 'GET');
    for (const headers of [{}, { 'x-csrf-token': '' }, { 'x-csrf-token': `${csrf.slice(1)}x` }]) {
      await assert.rejects(tried(headers as Record<string, string>), { code: 'csrf', status: 403 });
    }
    await assert.rejects(tried({ 'x-csrf-token': csrf, origin: 'https://evil.example' }), { code: 'csrf' });
    await assert.rejects(tried({ 'x-csrf-token': csrf, origin: 'null' }), { code: 'csrf' });
    await assert.rejects(tried({ 'x-csrf-token': csrf, 'sec-fetch-site': 'cross-site' }), { code: 'csrf' });
    await tried({ 'x-csrf-token': csrf, origin: `http://${LOCAL}` });
    // Through a proxy that asks by its own name.
    await tried({ 'x-csrf-token': csrf, origin: 'https://sink.example', 'sec-fetch-site': 'same-origin' });
  });

  test('with a wrong token is refused, and after a few tries not even tried', async () => {
    const access = accessOf();
    const tried = (token: string, from = '10.0.0.1'): Promise<unknown> => access.logIn(asked({}, 'POST', from), token);
    for (let i = 0; i < 5; i += 1) await assert.rejects(tried(`wrong ${i}`), { code: 'login' });
    await assert.rejects(tried('wrong'), { code: 'rate', status: 429 });
    await assert.rejects(tried(TOKEN), { code: 'rate' });
    await tried(TOKEN, '10.0.0.2');
  });

  test('is open to whoever has the token, however many others guess', async (t: TestContext) => {
    t.mock.method(performance, 'now', () => 1_000);
    const access = accessOf();
    const tried = (token: string, from: string): Promise<unknown> => access.logIn(asked({}, 'POST', from), token);
    const codes: string[] = [];
    for (let i = 0; i < 12; i += 1) {
      for (let n = 0; n < 2; n += 1) {
        await tried('wrong', `10.0.0.${i}`).catch(({ code }: { code: string }) => codes.push(code));
      }
    }
    // What all may try again is used up, and each has been looked at once.
    assert.deepEqual([codes.filter((code) => code === 'login').length, codes.at(-1)], [22, 'rate']);
    await tried(TOKEN, '10.0.1.1');
  });

  test('gives whoever guesses from the same address no tries back', async (t: TestContext) => {
    t.mock.method(performance, 'now', () => 1_000);
    const access = accessOf({ isLocal: false });
    const tried = async (token: string): Promise<string> => {
      const request = asked({ authorization: `Bearer ${token}` }, 'GET', '10.0.0.1');
      return roleOf(access, request).catch(({ code }: { code: string }) => code);
    };
    const answers: string[] = [];
    for (let i = 0; i < 7; i += 1) answers.push(await tried(`wrong ${i}`), await tried(TOKEN));
    assert.deepEqual(
      answers.filter((_, i) => i % 2 === 0),
      [...Array<string>(5).fill('login'), 'rate', 'rate'],
    );
    assert.deepEqual(new Set(answers.filter((_, i) => i % 2 === 1)), new Set(['operator']));
  });

  test('is waited for by those who come at the same time, of whom not too many may', async () => {
    const access = accessOf();
    const tried = (token: string, from: string): Promise<unknown> => access.logIn(asked({}, 'POST', from), token);
    const many = Array.from({ length: 20 }, (_, i) =>
      tried('wrong', `10.0.0.${i}`).catch(({ code }) => code as string),
    );
    assert.deepEqual(new Set(await Promise.all(many)), new Set(['login', 'busy']));
    const few = Array.from({ length: 8 }, (_, i) => tried('wrong', `10.0.1.${i}`).catch(() => null));
    await tried(TOKEN, '10.0.2.1');
    await Promise.all(few);
  });

  test('through a proxy counts for whom the proxy names, if it is one of ours, and else for the proxy', async () => {
    const from = (who: string): IncomingMessage => asked({ 'x-forwarded-for': who }, 'POST');
    const trusting = accessOf({ isProxy: (address) => address === '127.0.0.1' });
    for (let i = 0; i < 5; i += 1) {
      // They may write whatever they want before what the proxy says of them.
      await assert.rejects(trusting.logIn(from(`10.9.9.${i}, 10.0.0.1`), 'wrong'), { code: 'login' });
    }
    await assert.rejects(trusting.logIn(from('10.0.0.1'), 'wrong'), { code: 'rate' });
    await assert.rejects(trusting.logIn(from('10.0.0.2'), 'wrong'), { code: 'login' });
    const wary = accessOf();
    for (let i = 0; i < 5; i += 1) await assert.rejects(wary.logIn(from(`10.0.0.${i}`), 'wrong'), { code: 'login' });
    await assert.rejects(wary.logIn(from('10.0.0.9'), 'wrong'), { code: 'rate' });
  });

  test('of a program is the token with each request', async () => {
    const access = accessOf({ isLocal: false });
    assert.equal(await roleOf(access, asked({ authorization: `Bearer ${TOKEN}` })), 'operator');
    const request = asked({ authorization: `Bearer ${TOKEN}` }, 'POST');
    access.admit(await access.identify(request), 'operator', request);
    for (const authorization of [`Bearer ${TOKEN}x`, 'Bearer ', 'Bearer']) {
      await assert.rejects(access.identify(asked({ authorization })), { code: 'login' });
    }
    // How one logs in to the proxy before us opens nothing here, and shuts nothing.
    assert.equal(await roleOf(access, asked({ authorization: `Basic ${TOKEN}` })), 'none');
    const { cookie } = await access.logIn(asked({}, 'POST'), TOKEN);
    const proxied = asked({ authorization: 'Basic dTpw', cookie: cookie.split(';')[0] ?? '' });
    assert.equal(await roleOf(access, proxied), 'operator');
    // A wrong one is not a viewer either.
    await assert.rejects(accessOf().identify(asked({ authorization: 'Bearer wrong' })), { code: 'login' });
  });
});

test('a session ends by itself, and the oldest gives way', () => {
  let nowMs = 0;
  const sessions = new Sessions(() => nowMs);
  const first = sessions.begin();
  assert.equal(sessions.find(first.id)?.csrf, first.csrf);
  assert.equal(sessions.find(`${first.id}x`), null);
  nowMs = LASTS_S * 1_000;
  assert.equal(sessions.find(first.id), null);
  const second = sessions.begin();
  const others = Array.from({ length: 100 }, () => sessions.begin().id);
  assert.equal(sessions.find(second.id), null);
  assert.ok(others.every((id) => sessions.find(id) !== null));
});

test('tries come back one by one', (t: TestContext) => {
  let nowMs = 1_000;
  t.mock.method(performance, 'now', () => nowMs);
  const limit = new RateLimit({ burst: 2, everyMs: 10_000 });
  limit.spend('a');
  limit.spend('a');
  assert.throws(() => limit.spend('a'), { code: 'rate', headers: { 'retry-after': '10' } });
  limit.spend('b');
  nowMs += 10_000;
  limit.spend('a');
  assert.throws(() => limit.spend('a'), { code: 'rate' });
  nowMs += 60_000;
  assert.equal(limit.isNew('a'), true);
  limit.spend('a');
  limit.spend('a');
  assert.throws(() => limit.spend('a'), { code: 'rate' });
  assert.equal(limit.isNew('a'), false);
  limit.refund('a');
  limit.spend('a');
  assert.throws(() => limit.spend('a'), { code: 'rate' });
  limit.refund('a');
  limit.refund('a');
  assert.equal(limit.isNew('a'), true);
  limit.refund('b');
});

test('a client is who a chain of our proxies asks for, and no name that they did not write', () => {
  const isProxy = (address: string): boolean => address.startsWith('10.') || address === '::1';
  const of = (remoteAddress: string, forwarded?: string): string =>
    clientOf(asked(forwarded === undefined ? {} : { 'x-forwarded-for': forwarded }, 'GET', remoteAddress), isProxy);
  assert.equal(of('10.0.0.1'), '10.0.0.1');
  assert.equal(of('10.0.0.1', '203.0.113.7'), '203.0.113.7');
  assert.equal(of('::1', '198.51.100.1, 203.0.113.7,10.0.0.2'), '203.0.113.7');
  assert.equal(of('10.0.0.1', 'unknown'), '10.0.0.1');
  assert.equal(of('203.0.113.7', '198.51.100.1'), '203.0.113.7');
});

test('who has one address of an IPv6 network has all of them', () => {
  assert.equal(networkOf('203.0.113.7'), '203.0.113.7');
  assert.equal(networkOf('::ffff:203.0.113.7'), '203.0.113.7');
  assert.equal(networkOf('2001:db8:0:1::5'), networkOf('2001:0db8:0000:0001:a:b:c:d'));
  assert.notEqual(networkOf('2001:db8:0:1::5'), networkOf('2001:db8:0:2::5'));
  assert.equal(networkOf('::1'), '0:0:0:0');
  assert.equal(networkOf(''), '');
});
