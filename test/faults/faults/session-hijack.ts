// F13: somebody else connects under the server's client id, and the broker throws away what it kept for the server.
import { setTimeout as sleep } from 'node:timers/promises';
import { connectAsync } from 'mqtt';
import type { Fault, Setup } from '../fault.js';
import type { World } from '../world.js';

const SERVERS_ID = 'dragonsink-fault';
const EXPIRY_S = 1;

export const sessionHijack: Fault = {
  id: 'F13',
  what: "another client takes the server's session: with a clean start, also while it is away, or letting it expire",
  needs: [],
  setup: (random): Setup => ({ database: random.pick(['sqlite', 'postgres']), perSecond: 50 }),
  async run(world, random) {
    for (let round = 0; round < world.rounds(1, 10); round += 1) {
      for (const way of random.shuffled(['while it is there', 'while it is away', 'until it expires'] as const)) {
        const isAway = way !== 'while it is there';
        if (isAway) await world.endServer(random.pick(['SIGKILL', 'SIGTERM']));
        await sleep(random.durationMs(500, 2_000)); // something waits for it
        const before = logOf(world).length;
        await hijack(world, way === 'until it expires', random.durationMs(100, 1_000));
        world.injections += 1;
        if (isAway) await world.startServer();
        // It knows a lost session by having had one.
        const sign = isAway ? /connected to the broker/ : /the broker had lost our session/;
        await world.until(
          'the server is connected again',
          () => sign.test(logOf(world).slice(isAway ? 0 : before)),
          60_000,
        );
        await sleep(random.durationMs(500, 2_000));
      }
    }
  },
};

async function hijack(world: World, expires: boolean, holdMs: number): Promise<void> {
  const client = await connectAsync(`mqtt://127.0.0.1:${world.broker.port}`, {
    clientId: SERVERS_ID,
    protocolVersion: 5,
    clean: !expires,
    reconnectPeriod: 0,
    properties: { sessionExpiryInterval: expires ? EXPIRY_S : 0 },
  });
  client.on('error', () => {}); // the server takes its session back
  await sleep(holdMs);
  client.end(true);
  if (expires) await sleep((EXPIRY_S + 1) * 1_000);
}

/** Of this life of the server. */
function logOf(world: World): string {
  return world.servers.get('fault')?.log() ?? '';
}
