// DragonSync's API, well and unwell: real HTTP servers on loopback.
import assert from 'node:assert/strict';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { describe, type TestContext, test } from 'node:test';
import { DragonSyncApi, RateLimitedError } from '../../../src/dragonsync/api-client.js';
import { MAX_REQUESTS, RequestBudget } from '../../../src/dragonsync/request-budget.js';
import { SimulatedDragonSync } from '../../../src/simulate/dragonsync-api.js';

type Answer = (response: ServerResponse, request: IncomingMessage) => void;

async function serve(t: TestContext, answer: Answer, options: { timeoutMs?: number } = {}): Promise<DragonSyncApi> {
  const server = createServer((request, response) => answer(response, request));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  return new DragonSyncApi({ baseUrl: `http://127.0.0.1:${address.port}`, localAddress: '127.0.0.88', ...options });
}

describe("DragonSync's API", () => {
  test('is asked from an address of our own, whatever HTTP_PROXY says', async (t) => {
    process.env['HTTP_PROXY'] = 'http://127.0.0.1:1';
    t.after(() => delete process.env['HTTP_PROXY']);
    let from = '';
    const api = await serve(t, (response, request) => {
      from = request.socket.remoteAddress ?? '';
      response.end('{"drones": []}');
    });
    assert.deepEqual(await api.drones(), []);
    assert.equal(from, '127.0.0.88');
  });

  test('is asked all the same where that address does not exist', async (t) => {
    const simulated = new SimulatedDragonSync({ world: { drones: () => [], signals: () => [], status: () => null } });
    const baseUrl = await simulated.start();
    t.after(() => simulated.stop());
    const api = new DragonSyncApi({ baseUrl, localAddress: '203.0.113.7' });
    assert.deepEqual(await api.signals(), []);
  });

  test('may hold NaN and Infinity: they are null, and the rest is used', async (t) => {
    const api = await serve(t, (response) =>
      response.end('{"drones": [{"id": "NaN", "alt": NaN, "height": -Infinity}, 7]}'),
    );
    assert.deepEqual(await api.drones(), [{ id: 'NaN', alt: null, height: null }]);
  });

  test('has no status before it has heard of one', async (t) => {
    const api = await serve(t, (response) => response.writeHead(503).end('{"error": "system status unavailable"}'));
    assert.equal(await api.status(), null);
    await assert.rejects(api.drones(), { code: 'unavailable' });
  });

  const unwell: [string, Answer, string][] = [
    ['garbage', (response) => response.end('<html>'), 'garbage'],
    [
      'half an answer',
      (response) =>
        response.writeHead(200, { 'content-length': '100' }).write('{"drones": [', () => response.destroy()),
      'garbage',
    ],
    ['another shape', (response) => response.end('{"tracks": []}'), 'garbage'],
    ['an error of its own', (response) => response.writeHead(500).end(), 'unavailable'],
    ['a redirection', (response) => response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end(), 'unavailable'],
  ];
  for (const [what, answer, code] of unwell) {
    test(`with ${what} says "${code}" and what to do`, async (t) => {
      const api = await serve(t, answer);
      await assert.rejects(api.drones(), (error: Error & { code?: string; hint?: string }) => {
        assert.equal(error.name, 'SourceError', error.stack);
        assert.equal(error.code, code);
        assert.ok(error.hint);
        return true;
      });
    });
  }

  test('that drips is given up at the deadline', async (t) => {
    const api = await serve(
      t,
      (response) => {
        const drip = setInterval(() => response.write(' '), 50);
        response.on('close', () => clearInterval(drip));
      },
      { timeoutMs: 400 },
    );
    const startedAt = performance.now();
    await assert.rejects(api.drones(), { code: 'timeout' });
    assert.ok(performance.now() - startedAt < 3_000);
  });

  test('with a body of 50 MB is left at the limit, without taking it in', async (t) => {
    let sent = 0;
    const api = await serve(t, (response) => {
      const chunk = Buffer.alloc(1024 * 1024, 32);
      const more = (): void => {
        if (sent >= 50 || response.destroyed) return;
        sent += 1;
        response.write(chunk, () => setImmediate(more));
      };
      more();
    });
    await assert.rejects(api.drones(), { code: 'too-large' });
    assert.ok(sent < 50, `${sent} MB were taken`);
  });

  test('that is not there is said so', async () => {
    const api = new DragonSyncApi({ baseUrl: 'http://127.0.0.1:1', localAddress: '127.0.0.88' });
    await assert.rejects(api.drones(), { code: 'refused' });
  });

  for (const [header, leastMs, mostMs] of [
    ['7', 6_000, 7_000],
    [undefined, 59_000, 60_000],
    [new Date(Date.now() + 20_000).toUTCString(), 15_000, 20_000],
  ] as const) {
    test(`with 429 and Retry-After: ${header ?? '(none)'} is left alone for that long`, async (t) => {
      let requests = 0;
      const api = await serve(t, (response) => {
        requests += 1;
        response.writeHead(429, header === undefined ? {} : { 'retry-after': header }).end();
      });
      const limited = (error: unknown): boolean => {
        assert.ok(error instanceof RateLimitedError);
        assert.ok(error.retryAfterMs >= leastMs && error.retryAfterMs <= mostMs, `${error.retryAfterMs} ms`);
        return true;
      };
      await assert.rejects(api.drones(), limited);
      await assert.rejects(api.status(), limited);
      assert.equal(requests, 1);
    });
  }

  test('never sees more requests of ours than it allows', async (t) => {
    const simulated = new SimulatedDragonSync({ world: { drones: () => [], signals: () => [], status: () => null } });
    const baseUrl = await simulated.start();
    t.after(() => simulated.stop());
    const api = new DragonSyncApi({ baseUrl, localAddress: '127.0.0.88' });
    for (let i = 0; i < 150; i += 1) await api.drones().catch(() => {});
    assert.equal(simulated.requests, MAX_REQUESTS);
    assert.equal(simulated.refused, 0);
  });
});

describe('the request budget', () => {
  test('slides: a request is allowed again a minute after the one it takes the place of', () => {
    let now = 1_000;
    const budget = new RequestBudget(() => now);
    for (let i = 0; i < MAX_REQUESTS; i += 1) {
      assert.equal(budget.waitMs(), 0);
      budget.spend();
      now += 10;
    }
    assert.equal(budget.waitMs(), 60_000 - MAX_REQUESTS * 10);
    now = 61_000;
    assert.equal(budget.waitMs(), 0);
    budget.spend();
    assert.equal(budget.waitMs(), 10);
  });

  test('is held back for as long as the server says, never shorter', () => {
    let now = 0;
    const budget = new RequestBudget(() => now);
    budget.hold(5_000);
    budget.hold(1_000);
    now = 4_000;
    assert.equal(budget.waitMs(), 1_000);
  });
});

describe('the simulated DragonSync', () => {
  test('refuses the 101st request of an address within a minute, and says when to come back', async (t) => {
    const simulated = new SimulatedDragonSync({
      world: { drones: () => [{ alt: Number.NaN }], signals: () => [], status: () => null },
    });
    const baseUrl = await simulated.start();
    t.after(() => simulated.stop());
    for (let i = 0; i < 100; i += 1) assert.equal((await fetch(`${baseUrl}/drones`)).status, 200);
    const refused = await fetch(`${baseUrl}/status`);
    assert.equal(refused.status, 429);
    assert.equal(refused.headers.get('retry-after'), '60');
  });

  test('writes NaN as Python does', async (t) => {
    const simulated = new SimulatedDragonSync({
      world: { drones: () => [{ alt: Number.NaN }], signals: () => [], status: () => null },
    });
    const baseUrl = await simulated.start();
    t.after(() => simulated.stop());
    assert.equal(await (await fetch(`${baseUrl}/drones`)).text(), '{"drones": [{"alt": NaN}]}');
  });
});
