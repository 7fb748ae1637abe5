// F21: an enrolled kit that is an enemy's, and strangers, on a broker with the access rules of a fleet. The other kit must
// not notice.
import { appendFileSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connectAsync, type IClientOptions, type MqttClient } from 'mqtt';
import { kitAcl, memberAcl } from '../../../src/server/enrol/acl.js';
import { memberName } from '../../../src/server/enrol/members.js';
import { withPassword } from '../../../src/server/enrol/passwords.js';
import type { Fault } from '../fault.js';
import { KIT_ID } from '../kit-config.js';
import type { World } from '../world.js';

const PASSWORD = 'secret';
const ENEMY = 'wardragon-ENEMY';
const SERVER = memberName('server', 'fault');
const READER = memberName('reader', 'watch');
/** [MQTT5-3.4.2.1] */
const NOT_AUTHORISED = 135;
const SETTLES_MS = 30_000;
const FEW_WAITING = 200;

export const hostileClients: Fault = {
  id: 'F21',
  what: 'hostile clients: forging, eavesdropping, floods, 65k retained topics, 1000 connections, slow and giant CONNECTs, takeovers',
  needs: [],
  async run(world, random) {
    await makeFleet(world);
    const attacks = [forge, eavesdrop, flood, retain, occupy, giantId, takeOver, lastWill];
    for (let round = 0; round < world.rounds(1, 5); round += 1) {
      for (const attack of random.shuffled(attacks)) {
        const before = (await world.status())?.link?.reconnects;
        await attack(world);
        world.injections += 1;
        const isServed = await world.becomes(async () => {
          const status = await world.status();
          return status?.link?.reconnects === before && (status?.spool?.waiting ?? FEW_WAITING) < FEW_WAITING;
        }, SETTLES_MS);
        const wasCutOff = [...world.servers.values()].some((server) => /broker: .*; trying again/.test(server.log()));
        if (wasCutOff) world.violations.push(`${attack.name}: the server was cut off`);
        if (!isServed) world.violations.push(`${attack.name}: the kit was cut off, or its messages wait`);
      }
    }
  },
};

/** The broker with a fleet's rules, and everybody with a password. */
async function makeFleet(world: World): Promise<void> {
  const [acl, passwords] = [join(world.folder, 'acl'), join(world.folder, 'passwords')];
  writeFileSync(acl, kitAcl() + memberAcl(SERVER) + memberAcl(READER));
  const users = [KIT_ID, ENEMY, SERVER.user, READER.user];
  writeFileSync(
    passwords,
    users.reduce((file, user) => withPassword(file, user, PASSWORD), ''),
  );
  const lines = ['allow_anonymous false', `password_file ${passwords}`, `acl_file ${acl}`];
  const limits = ['use_username_as_clientid true', 'max_connections 2000', 'max_packet_size 65536'];
  appendFileSync(join(world.broker.folder, 'mosquitto.conf'), `${[...lines, ...limits].join('\n')}\n`);
  await world.stopKit();
  await world.endServer('SIGTERM');
  await world.broker.restart();
  world.configureKit({ mqtt: [`mqtt_username = ${KIT_ID}`, `mqtt_password = ${PASSWORD}`, 'mqtt_wire = stream'] });
  await Promise.all([
    world.startServer('fault', { MQTT_USERNAME: SERVER.user, MQTT_PASSWORD: PASSWORD }),
    world.startKit(),
  ]);
  await world.until('kit and server are let in', () => world.connected());
}

/** 0 when the broker took it, else its reason. */
async function publish(client: MqttClient, topic: string): Promise<number> {
  try {
    await client.publishAsync(topic, '{}', { qos: 1, retain: true });
    return 0;
  } catch (thrown: unknown) {
    return Number((thrown as { code?: unknown }).code);
  }
}

async function forge(world: World): Promise<void> {
  const client = await enter(world);
  const topics = ['stream', 'status', 'ack'].map((name) => `wardragon/sink/${KIT_ID}/${name}`);
  for (const topic of [...topics, `wardragon/sink/${ENEMY}/ack`, 'wardragon/ingest/fault/hello', 'wardragon/drones']) {
    const reason = await publish(client, topic);
    if (reason !== NOT_AUTHORISED) world.violations.push(`forged ${topic}: ${reason}`);
  }
  client.end(true);
}

async function eavesdrop(world: World): Promise<void> {
  const client = await enter(world);
  const heard = new Set<string>();
  client.on('message', (topic) => heard.add(topic));
  await client.subscribeAsync(['#', '$SYS/#']);
  await sleep(3_000);
  heard.delete('wardragon/ingest/fault/hello');
  if (heard.size > 0) world.violations.push(`overheard ${[...heard].slice(0, 3).join(', ')}`);
  client.end(true);
}

/** What is no frame, where its frames belong. */
async function flood(world: World): Promise<void> {
  const client = await enter(world);
  const until = performance.now() + world.rounds(3_000, 20_000);
  while (performance.now() < until) {
    for (let i = 0; i < 100; i += 1)
      client.publish(`wardragon/sink/${ENEMY}/stream`, `junk ${i}`, { qos: i % 2 === 0 ? 0 : 1 });
    await sleep(10);
  }
  client.end(true);
}

async function retain(world: World): Promise<void> {
  const client = await enter(world);
  const topics = world.rounds(10_000, 65_000);
  for (let i = 0; i < topics; i += 1) {
    client.publish(`wardragon/sink/${ENEMY}/${i}`, 'x', { qos: 0, retain: true });
    if (i % 500 === 0) await sleep(5);
  }
  await publish(client, `wardragon/sink/${ENEMY}/status`); // behind all of them
  const reader = await enter(world, READER.user);
  let retained = 0;
  reader.on('message', (topic, _, { retain: isOld }) => {
    if (isOld && topic.includes(ENEMY)) retained += 1;
  });
  await reader.subscribeAsync('wardragon/#');
  await sleep(500);
  if (retained !== 1) world.violations.push(`${retained} retained messages of ${topics} that were not allowed`);
  for (const one of [client, reader]) one.end(true);
}

/** Connections that say nothing, or their CONNECT byte by byte. */
async function occupy(world: World): Promise<void> {
  const sockets: Socket[] = [];
  for (let i = 0; i < 1_000; i += 1) {
    const socket = connect(world.broker.port, '127.0.0.1');
    socket.on('error', () => {}); // the broker may have enough of it
    sockets.push(socket);
    if (i % 50 === 0) await sleep(5);
  }
  const connectPacket = Buffer.from('101000044d5154540502003c00000000', 'hex');
  for (const byte of connectPacket.subarray(0, 8)) {
    for (const socket of sockets.slice(0, 500)) socket.write(Buffer.of(byte));
    await sleep(300);
  }
  for (const socket of sockets) socket.destroy();
}

async function giantId(world: World): Promise<void> {
  for (let i = 0; i < 20; i += 1) {
    const attempt = connectAsync(`mqtt://127.0.0.1:${world.broker.port}`, {
      ...{ protocolVersion: 5, reconnectPeriod: 0, connectTimeout: 2_000 },
      ...{ clientId: 'x'.repeat(60_000), username: 'y'.repeat(60_000), password: PASSWORD },
    } as const);
    await attempt.then((client) => world.violations.push(`let in: ${client.connected}`), () => {}); // biome-ignore format: short
  }
}

async function takeOver(world: World): Promise<void> {
  for (const clientId of [KIT_ID, SERVER.user, 'dragonsink-fault']) {
    const client = await enter(world, ENEMY, { clientId, clean: true });
    await sleep(500);
    client.end(true);
  }
}

async function lastWill(world: World): Promise<void> {
  const reader = await enter(world, READER.user);
  const said: string[] = [];
  reader.on('message', (_, payload) => said.push(payload.toString()));
  const topic = `wardragon/service/${KIT_ID}/availability`;
  await reader.subscribeAsync(topic);
  const client = await enter(world, ENEMY, { will: { topic, payload: Buffer.from('offline'), qos: 1, retain: true } });
  client.stream.destroy();
  await sleep(1_000);
  if (said.includes('offline')) world.violations.push('another kit was said to be gone');
  reader.end(true);
}

async function enter(world: World, username = ENEMY, options: IClientOptions = {}): Promise<MqttClient> {
  const login = { username, password: PASSWORD, protocolVersion: 5, reconnectPeriod: 0 } as const;
  const client = await connectAsync(`mqtt://127.0.0.1:${world.broker.port}`, { ...login, ...options });
  client.on('error', () => {}); // it may be thrown out
  world.cleanup.add(() => void client.end(true));
  return client;
}
