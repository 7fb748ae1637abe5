// The kit's ear for the health of its radios, on a real ZeroMQ publisher that comes, speaks, goes, and comes again.
import { deepEqual, equal } from 'node:assert/strict';
import { createServer } from 'node:net';
import { type TestContext, test } from 'node:test';
import { Publisher } from 'zeromq';
import { ReceiverWatch } from '../../../../src/kit/receivers/receiver-watch.js';
import { freePort } from '../../../../src/simulate/ports.js';
import { MemoryLog } from '../../../fixtures/memory-log.js';
import { eventually } from '../../../fixtures/processes.js';

const health = (state: string): string =>
  JSON.stringify({
    Health: { sources: { wifi: { name: 'WiFi', enabled: true, state_str: state }, uart: { enabled: false } } },
  });

async function publisher(t: TestContext, port: number): Promise<Publisher> {
  const socket = new Publisher({ linger: 0 });
  await socket.bind(`tcp://127.0.0.1:${port}`);
  t.after(() => socket.close());
  return socket;
}

function listen(t: TestContext, ports: readonly number[], now?: () => number): ReceiverWatch {
  const watch = new ReceiverWatch({ ports, log: new MemoryLog(), lookEveryMs: 50, ...(now && { now }) });
  watch.start();
  t.after(() => watch.stop());
  return watch;
}

/** Published again and again: who subscribes late misses what was said before. */
const saying = (socket: Publisher, text: string, isHeard: () => boolean): Promise<true> =>
  eventually(text, async () => {
    await socket.send(text);
    return isHeard();
  });

const stateOf = (watch: ReceiverWatch, name = 'wifi'): string | undefined => watch.current()?.[name]?.state;

test('nobody there is nothing to say; who comes later is heard', async (t) => {
  const port = await freePort();
  const watch = listen(t, [port, await freePort()]);
  equal(watch.current(), undefined);
  const socket = await publisher(t, port);
  await saying(socket, health('connected'), () => stateOf(watch) === 'connected');
  await saying(socket, health('dead'), () => stateOf(watch) === 'dead');
  equal(stateOf(watch, 'uart'), 'disabled');
});

test('two publishers are two sources of one list', async (t) => {
  const ports = [await freePort(), await freePort()] as const;
  const [droneid, dragonsig] = [await publisher(t, ports[0]), await publisher(t, ports[1])];
  const watch = listen(t, ports);
  await saying(droneid, health('connected'), () => stateOf(watch) === 'connected');
  await saying(dragonsig, '{"Health": {"sdr_ok": false}}', () => stateOf(watch, 'dragonsig') === 'error');
  deepEqual(Object.keys(watch.current() ?? {}).sort(), ['dragonsig', 'uart', 'wifi']);
});

test('a publisher that says nothing more for three reports is silent, but for what is not in use', async (t) => {
  let nowMs = 0;
  const port = await freePort();
  const socket = await publisher(t, port);
  const watch = listen(t, [port], () => nowMs);
  await saying(socket, health('connected'), () => stateOf(watch) === 'connected');
  nowMs += 94_000;
  equal(stateOf(watch), 'connected');
  nowMs += 2_000;
  deepEqual([stateOf(watch), stateOf(watch, 'uart')], ['silent', 'disabled']);
  await saying(socket, health('connected'), () => stateOf(watch) === 'connected');
});

test('junk, and another program on the port, change nothing', async (t) => {
  const port = await freePort();
  const socket = await publisher(t, port);
  const other = createServer((connection) => connection.on('error', () => {}).end('HTTP/1.1 400 Bad Request\r\n\r\n'));
  const otherPort = await freePort();
  await new Promise<void>((resolve) => other.listen(otherPort, '127.0.0.1', resolve));
  t.after(() => other.close());
  const watch = listen(t, [port, otherPort]);
  await saying(socket, health('connected'), () => stateOf(watch) === 'connected');
  for (const junk of ['', '{', '[]', '{"Health": 7}', '\u0000'.repeat(1_000), 'x'.repeat(60_000)])
    await socket.send(junk);
  await saying(socket, health('reconnecting'), () => stateOf(watch) === 'reconnecting');
});
