// Doctor: what can only be seen over a connection to the broker, by the kit that runs on its own, or by the doctor in its
// place. What is published to try a topic is empty and not retained: MQTT's way of saying nothing.
import { type Check, fail, failed, ok, warn } from '../../base/check.js';
import { errorCode } from '../../base/errors.js';
import type { MqttLink, Qos } from '../../base/mqtt-link.js';
import type { Ack } from '../../schema/ack.js';
import { KINDS, type Kind } from '../../schema/kinds.js';
import {
  ackTopic,
  HELLO_FILTER,
  historyTopic,
  perDroneTopic,
  serviceTopic,
  statusTopic,
  streamTopic,
  systemTopics,
  type TopicNames,
} from '../../schema/topics.js';
import { configTopic, droneDevice, type EntityNames, presenceTopic } from '../home-assistant/entities.js';
import { serverFilters } from '../server-messages.js';
import type { Servers } from '../servers.js';
import type { WireOptions } from '../wires.js';

export interface LinkUse {
  /** 5, or 4 for MQTT 3.1.1. */
  readonly version: 4 | 5;
  readonly kitId: string;
  readonly topics: TopicNames;
  readonly kinds: ReadonlySet<Kind>;
  readonly qos: Readonly<Record<Kind, Qos>>;
  readonly wires: WireOptions;
  readonly perDrone: boolean;
  /** Null announces nothing to Home Assistant. */
  readonly homeAssistant: EntityNames | null;
  /** Servers are listened to. */
  readonly listens: boolean;
}

type DoctorsLink = Pick<
  MqttLink,
  'publish' | 'subscribe' | 'receiveMaximum' | 'maximumPacketBytes' | 'maximumQos' | 'retainAvailable'
>;

/** A status of 40 kB and what is around it. */
const PACKET_BYTES = 65_536;
/** Below this a link with a long way is slow. */
const FEW = 10;
const DOCTORS_DRONE = 'dragonsink-doctor';

/** Every topic the kit needs; with frames, the shared topics are for a server that does not know them. */
function topicsOf({ kitId, topics, kinds, wires, perDrone, homeAssistant }: LinkUse): string[] {
  const { state, availability } = systemTopics(topics, kitId);
  const history = KINDS.filter((kind) => kinds.has(kind)).map((kind) => historyTopic(topics, kind, kitId));
  const drone = perDrone ? perDroneTopic(topics.perDroneBase, DOCTORS_DRONE) : null;
  return [
    ...(wires.wire === 'stream' ? [] : history),
    ...(wires.wire === 'stream' || wires.replay === 'frames' ? [streamTopic(kitId)] : []),
    ...(drone === null ? [] : [drone]),
    ...(drone === null || homeAssistant === null ? [] : discoveryTopics(homeAssistant, drone)),
    state,
    availability,
    serviceTopic(kitId),
    statusTopic(kitId),
  ];
}

function discoveryTopics(names: EntityNames, stateTopic: string): string[] {
  const device = droneDevice(names, DOCTORS_DRONE, stateTopic, '');
  const components = ['sensor', 'device_tracker'] as const;
  return [
    presenceTopic(stateTopic),
    ...components.map((component) => configTopic(names, device, { component, suffix: '' })),
  ];
}

export async function checkPublishing(link: Pick<DoctorsLink, 'publish'>, use: LinkUse): Promise<Check> {
  const name = 'publishing';
  const topics = topicsOf(use);
  // Where they are not allowed, what they would hold goes on the topics.
  const frames =
    use.wires.wire === 'topics' && use.wires.replay === 'auto' && use.listens ? [streamTopic(use.kitId)] : [];
  let denied: string[];
  let deniedFrames: string[];
  try {
    denied = await deniedOf(link, topics);
    deniedFrames = await deniedOf(link, frames);
  } catch (thrown: unknown) {
    return failed(name, thrown);
  }
  if (denied.length > 0) {
    const fix = `let this user write to ${denied.length === 1 ? 'it' : 'them'} in the broker's ACL`;
    return fail(name, `not allowed on ${denied.join(', ')}`, fix);
  }
  if (use.version !== 5) {
    const text = 'a broker that speaks MQTT 3.1.1 does not say what its access rules make it throw away';
    return warn(name, text, 'set mqtt_version = 5, if the broker knows it');
  }
  if (deniedFrames.length > 0) {
    const text = `allowed on all ${topics.length} topics, and not on ${deniedFrames.join()}: the backlog takes more bytes`;
    return warn(name, text, "let this user write to it in the broker's ACL, or set mqtt_replay = topics");
  }
  return ok(name, `allowed on all ${topics.length} topics`);
}

/** @throws BrokerError for anything but a refusal. */
async function deniedOf(link: Pick<DoctorsLink, 'publish'>, topics: readonly string[]): Promise<string[]> {
  const denied: string[] = [];
  for (const topic of topics) {
    try {
      await link.publish({ topic, payload: '', qos: 1, retain: false });
    } catch (thrown: unknown) {
      if (errorCode(thrown) !== 'not-authorised') throw thrown;
      denied.push(topic);
    }
  }
  return denied;
}

export async function checkHearing(link: Pick<DoctorsLink, 'subscribe'>, { kitId, listens }: LinkUse): Promise<Check> {
  if (!listens) return ok('hearing', 'mqtt_delivery = broker: no server is listened to');
  try {
    await link.subscribe(serverFilters(kitId), 1);
    return ok('hearing', `allowed on ${serverFilters(kitId).join(' and ')}`);
  } catch (thrown: unknown) {
    return failed('hearing', thrown, `let this user read ${serverFilters(kitId).join(' and ')} in the broker's ACL`);
  }
}

export function checkLimits(link: DoctorsLink, { version, kinds, qos }: LinkUse): Check {
  if (version !== 5) return ok('limits', 'over MQTT 3.1.1 a broker does not tell them');
  const { receiveMaximum, maximumPacketBytes, maximumQos, retainAvailable } = link;
  const text = `packets up to ${maximumPacketBytes} bytes, ${receiveMaximum} unconfirmed, QoS up to ${maximumQos}, retained messages ${retainAvailable ? 'kept' : 'not kept'}`;
  const highest = Math.max(1, ...[...kinds].map((kind) => qos[kind]));
  if (maximumQos < highest) {
    const fix = `raise the broker's max_qos to ${highest}${highest > 1 ? ', or set mqtt_qos = 1' : ''}`;
    return fail('limits', `${text}: QoS ${highest} is needed`, fix);
  }
  if (!retainAvailable) {
    const fix = "set retain_available true in the broker's configuration";
    return fail('limits', `${text}: whether the kit is there, and its status, are retained`, fix);
  }
  if (maximumPacketBytes < PACKET_BYTES) {
    const fix = `raise the broker's max_packet_size to ${PACKET_BYTES}, or remove it`;
    return warn('limits', `${text}: what is larger is set aside`, fix);
  }
  if (receiveMaximum < FEW) {
    return warn('limits', `${text}: that is slow`, "raise the broker's max_inflight_messages to 100");
  }
  return ok('limits', text);
}

const CLOCKS_APART_S = 60;

export async function checkRoundTrip({ ask, boundTo, servers }: Server, { kitId, listens }: LinkUse): Promise<Check> {
  const name = 'round trip';
  if (!listens) return ok(name, 'mqtt_delivery = broker: no server is awaited');
  const answer = await ask();
  if (answer === null && servers.count > 0) {
    // mosquitto grants any subscription, and keeps back what its ACL does not let one read.
    const fix = `let this user read ${ackTopic(kitId)} in the broker's ACL, and the server write to it`;
    return fail(name, 'a server says that it is there, and its acknowledgement does not come', fix);
  }
  if (answer === null) {
    const fix = `start dragonsink server on this broker (dragonsink doctor --server), and let this user read ${HELLO_FILTER}`;
    return fail(name, 'no server with a database that works has said hello', fix);
  }
  const { ms, ack } = answer;
  const text = `to the database and back in ${Math.round(ms)} ms`;
  if (boundTo !== null && boundTo !== ack.store_id) {
    const fix = 'if the database was replaced: dragonsink spool rebind';
    return fail(name, `${text}, but it is another database than this kit's`, fix);
  }
  const apartS = Math.round((Date.now() - Date.parse(ack.time)) / 1_000);
  if (Math.abs(apartS) > CLOCKS_APART_S) {
    const which = `this clock is ${Math.abs(apartS)} s ${apartS > 0 ? 'ahead of' : 'behind'} the server's`;
    return warn(name, `${text}; ${which}`, 'let both follow a time server (timedatectl)');
  }
  return ok(name, text);
}

export interface Answer {
  readonly ms: number;
  readonly ack: Ack;
}

/** The servers' side of the broker, as this connection sees it. */
export interface Server {
  /** Makes the servers acknowledge; null when none did. */
  readonly ask: () => Promise<Answer | null>;
  /** The database this kit listens to; null for the first that answers. */
  readonly boundTo: string | null;
  /** Those that have said hello. */
  readonly servers: Pick<Servers, 'count'>;
}

/** All of them, over a connection that is there; without a server (null) none is asked. */
export async function checkLink(link: DoctorsLink, use: LinkUse, server: Server | null): Promise<Check[]> {
  const limits = checkLimits(link, use);
  const publishing = await checkPublishing(link, use);
  const hearing = await checkHearing(link, use);
  const roundTrip = hearing.status === 'ok' && server !== null ? [await checkRoundTrip(server, use)] : [];
  return [limits, publishing, hearing, ...roundTrip];
}
