// A kit that runs answers the doctor for its own connection.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { BrokerError } from '../../../../src/base/errors.js';
import type { MqttLink } from '../../../../src/base/mqtt-link.js';
import type { LinkUse } from '../../../../src/kit/doctor/link-checks.js';
import { RunningKit, type RunningKitOptions } from '../../../../src/kit/doctor/running-kit.js';
import { StatusServer } from '../../../../src/kit/status-server.js';
import { KINDS, perKind } from '../../../../src/schema/kinds.js';
import { DEFAULT_TOPICS } from '../../../../src/schema/topics.js';
import { freePort } from '../../../../src/simulate/ports.js';
import { assertCheck } from '../../../fixtures/assert-check.js';
import { MemoryLog } from '../../../fixtures/memory-log.js';

const USE: LinkUse = {
  version: 5,
  kitId: 'kit-1',
  topics: DEFAULT_TOPICS,
  kinds: new Set(KINDS),
  qos: perKind(() => 1 as const),
  wires: { wire: 'topics', replay: 'off', frameMs: 250 },
  perDrone: false,
  homeAssistant: null,
  listens: false,
};

function kit(options: Partial<RunningKitOptions> = {}) {
  const published: string[] = [];
  const link = {
    publish: async ({ topic }: { topic: string }) => {
      published.push(topic);
    },
    subscribe: async () => {},
    receiveMaximum: 20,
    maximumPacketBytes: 100_000,
    maximumQos: 2,
    retainAvailable: true,
  } as unknown as MqttLink;
  const running = new RunningKit({
    uplink: { link, problem: null },
    use: () => USE,
    server: () => ({ ask: async () => null, boundTo: null, servers: { count: 0 } }),
    ...options,
  });
  return { running, published };
}

describe('a running kit', () => {
  test('looks at its connection once for all who ask at the same time, and not again at once', async () => {
    const { running, published } = kit();
    const [one, other] = await Promise.all([running.look(), running.look()]);
    assert.equal(one, other);
    assert.equal(await running.look(), one);
    assert.equal(published.length, new Set(published).size);
    assert.ok(one?.every(({ status }) => status === 'ok'));
  });

  test('says why it has no connection', async () => {
    const problem = new BrokerError('nobody there', { code: 'refused', hint: 'start it' });
    const [lost] = await kit({ uplink: { link: null, problem } }).running.look();
    assertCheck(lost, 'fail', /^nobody there$/, /^start it$/);
    const [early] = await kit({ uplink: { link: null, problem: null } }).running.look();
    assertCheck(early, 'fail', /not connected yet/, /ask again/);
    const [nameless] = await kit({ use: () => null }).running.look();
    assertCheck(nameless, 'fail', /kit id/, /kit_id/);
    assertCheck((await kit({ uplink: null }).running.look())[0], 'ok', /mqtt_enabled = false/);
  });

  test('is asked with a POST on loopback: a GET must send nothing to the broker', async (t) => {
    const { running, published } = kit();
    const port = await freePort();
    const server = new StatusServer({ port, status: () => ({}), look: () => running.look(), log: new MemoryLog() });
    await server.start();
    t.after(() => server.stop());
    const at = `http://127.0.0.1:${port}`;
    assert.equal((await fetch(`${at}/doctor`)).status, 404);
    assert.deepEqual(published, []);
    const response = await fetch(`${at}/doctor`, { method: 'POST' });
    assert.equal(response.status, 200);
    assert.deepEqual(await response.json(), { checks: await running.look() });
    assert.equal((await fetch(`${at}/status`, { method: 'POST' })).status, 404);
  });

  test('that fails at it says so, and goes on', async (t) => {
    const port = await freePort();
    const look = () => Promise.reject(new Error('no'));
    const server = new StatusServer({ port, status: () => ({}), look, log: new MemoryLog() });
    await server.start();
    t.after(() => server.stop());
    const response = await fetch(`http://127.0.0.1:${port}/doctor`, { method: 'POST' });
    assert.deepEqual([response.status, await response.json()], [503, { error: 'no' }]);
  });
});
