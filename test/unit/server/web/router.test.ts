// Which operation a request is for, and what its input is read as.
import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { describe, test } from 'node:test';
import { OPERATIONS, type OperationName } from '../../../../src/schema/web/operations.js';
import { readInstant } from '../../../../src/schema/web/queries.js';
import { readInput } from '../../../../src/server/web/request.js';
import { route } from '../../../../src/server/web/router.js';
import { cursorOf, FIVE_MINUTES_US, rangeOf, readCursor } from '../../../../src/server/web/time-range.js';

describe('the router', () => {
  const found: [method: string, path: string, name: OperationName, kitId: string][] = [
    ['GET', '/api/kits', 'kits', ''],
    ['HEAD', '/api/kits', 'kits', ''],
    ['POST', '/api/kits', 'addKit', ''],
    ['GET', '/api/kits/wardragon-A', 'kit', 'wardragon-A'],
    ['GET', '/api/kits/kit%2Ewith%2Edots', 'kit', 'kit.with.dots'],
    ['GET', '/api/kits/a%2Fb', 'kit', 'a/b'],
    ['PATCH', '/api/kits/x', 'changeKit', 'x'],
    ['GET', '/api/kits/x/health', 'kitHealth', 'x'],
    ['POST', '/api/kits/test', 'testKit', ''],
    // A kit may have that name too.
    ['GET', '/api/kits/test', 'kit', 'test'],
    ['GET', '/api/tracks.csv', 'tracksCsv', ''],
  ];
  for (const [method, path, name, kitId] of found) {
    test(`${method} ${path}`, () => {
      const match = route(method, path);
      assert.deepEqual([match.name, match.kitId, match.operation], [name, kitId, OPERATIONS[name]]);
    });
  }

  const refused: [method: string, path: string, code: string][] = [
    ['GET', '/api', 'missing'],
    ['GET', '/api/kits/', 'missing'],
    ['GET', '/api/kits/x/y', 'missing'],
    ['GET', '/api/kits/%E0%A4', 'missing'],
    ['GET', '/api/../etc/passwd', 'missing'],
    ['POST', '/api/tracks', 'method'],
    ['TRACE', '/api/kits', 'method'],
    ['PUT', '/api/kits/x', 'method'],
  ];
  for (const [method, path, code] of refused) {
    test(`${method} ${path} is refused`, () => assert.throws(() => route(method, path), { code }));
  }

  test('says what is allowed instead', () => {
    assert.throws(() => route('PUT', '/api/kits'), { headers: { allow: 'GET, POST' } });
  });
});

function requestOf(body: string, type = 'application/json'): IncomingMessage {
  const stream = Readable.from([Buffer.from(body)]);
  return Object.assign(stream, { headers: { 'content-type': type } }) as unknown as IncomingMessage;
}

describe('what a request brings', () => {
  const query = async (name: OperationName, search: string): Promise<unknown> => {
    return (await readInput(OPERATIONS[name], requestOf(''), search)).query;
  };

  test('is read as what it stands for', async () => {
    assert.deepEqual(await query('tracks', 'kind=aircraft&path=20&from=1795447811363&q=%3Cb%3E'), {
      kind: ['aircraft'],
      path: 20,
      from: 1795447811363000,
      q: '<b>',
      limit: 200,
    });
    assert.deepEqual(await query('tracks', ''), { path: 0, limit: 200 });
  });

  const wrong: [name: OperationName, search: string][] = [
    ['tracks', 'limit=0'],
    ['tracks', 'limit=501'],
    ['tracks', 'limit=1e9'],
    ['tracks', 'limit='],
    ['tracks', 'path=-1'],
    ['tracks', 'kind=bird'],
    ['tracks', 'kind='],
    ['tracks', 'from=yesterday'],
    ['tracks', 'from=2026-11-23'],
    ['tracks', 'kit=a/b'],
    ['tracks', 'colour=red'],
    ['tracks', 'kit=a&kit=b'],
    ['tracks', `q=${'x'.repeat(600)}`],
    ['timeline', 'step=1'],
    ['removeKit', 'data=maybe'],
    ['tracks', '__proto__=1'],
  ];
  for (const [name, search] of wrong) {
    test(`${name}?${search.slice(0, 40)} is refused`, () => assert.rejects(query(name, search), { code: 'query' }));
  }

  test('of JSON is what its schema says, and no longer than it may be', async () => {
    const body = async (text: string, type?: string): Promise<unknown> => {
      return (await readInput(OPERATIONS.changeKit, requestOf(text, type), '')).body;
    };
    assert.deepEqual(await body('{"name":" Roof ","location":null}'), { name: 'Roof', location: null });
    await assert.rejects(body('{"name":""}'), { code: 'body' });
    await assert.rejects(body('{"api_url":"http://x"}'), { code: 'body' });
    await assert.rejects(body('[]'), { code: 'body' });
    await assert.rejects(body('{'), { code: 'body' });
    // A form of another site can be sent without asking, JSON can't.
    await assert.rejects(body('{"name":"x"}', 'text/plain'), { code: 'body' });
    await assert.rejects(body(`{"name":"${'x'.repeat(20_000)}"}`), { code: 'large', status: 413 });
  });
});

describe('times and pages', () => {
  test('a time is read to the microsecond', () => {
    assert.equal(readInstant('2026-11-23T15:30:11.363589Z'), 1795447811363589);
    assert.equal(readInstant('2026-11-23T16:30:11.3+01:00'), 1795447811300000);
    assert.equal(readInstant('2026-11-23T15:30Z'), 1795447800000000);
    assert.equal(readInstant('1795447811363'), 1795447811363000);
    for (const text of ['', 'now', '2026-11-23T15:30:11', '2026-13-01T00:00:00Z', '-5', '1e3']) {
      assert.equal(readInstant(text), undefined, text);
    }
  });

  test('a range is the last five minutes unless it is said, and never longer than is bearable', () => {
    const now = 1795447811363589;
    assert.equal(rangeOf({}, FIVE_MINUTES_US, now).fromUs, now - FIVE_MINUTES_US);
    assert.equal(rangeOf({ to: now - 5 }, 10, now).fromUs, now - 15);
    assert.deepEqual(rangeOf({ from: now - 1, to: now }, 10, now).to, '2026-11-23T15:30:11.363590Z');
    assert.throws(() => rangeOf({ from: now, to: now }, 10, now), { code: 'range' });
    assert.throws(() => rangeOf({ from: now + 1 }, 10, now), { code: 'range' });
    assert.throws(() => rangeOf({ from: 0 }, 10, now), { code: 'range' });
  });

  test('a cursor is what was given with a page, and nothing else', () => {
    assert.deepEqual(readCursor(cursorOf([5, 'a"b', 'ü']), [0, '', '']), [5, 'a"b', 'ü']);
    assert.equal(readCursor(undefined, [0]), null);
    const forged = [cursorOf([5]), cursorOf(['5', 'a', 'b']), 'x', '', Buffer.from('{}').toString('base64url')];
    for (const cursor of forged) assert.throws(() => readCursor(cursor, [0, '', '']), { code: 'query' });
  });
});
