// The message contract, config/asyncapi.yaml and config/schemas/, from the schemas of src/schema/.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { z } from 'zod';
import { ack } from '../../src/schema/ack.js';
import { sinkEnvelope } from '../../src/schema/envelope.js';
import { hello } from '../../src/schema/hello.js';
import { MESSAGES } from '../../src/schema/messages.js';
import { kitStatus } from '../../src/schema/status.js';
import {
  ackTopic,
  DEFAULT_TOPICS,
  helloTopic,
  historyTopic,
  serviceTopic,
  statusTopic,
  streamTopic,
  systemTopics,
} from '../../src/schema/topics.js';

const ROOT = join(import.meta.dirname, '../..');
/** Of the message contract: it rises with the `v` of a message. */
const CONTRACT_VERSION = '1.0.0';
/** Of the whole MQTT packet. */
const MAX_PACKET_BYTES = 65_536;

type Json = Record<string, unknown>;

const availability = z.enum(['online', 'offline']);
/** Where each schema is written, the file of its fields' comments, and what it is. */
const SCHEMAS = {
  drone: { schema: withSink(MESSAGES.drone), source: 'drone', title: 'A drone, heard once' },
  aircraft: { schema: withSink(MESSAGES.aircraft), source: 'aircraft', title: 'An ADS-B or UAT aircraft, heard once' },
  signal: { schema: withSink(MESSAGES.signal), source: 'signal', title: 'An FPV or other radio signal, heard once' },
  system: { schema: withSink(MESSAGES.system), source: 'system', title: "A kit's health" },
  status: { schema: kitStatus, source: 'status', title: "A kit's half of the ledger, and how it is doing" },
  ack: { schema: ack, source: 'ack', title: "What of a kit's messages is in the database" },
  hello: { schema: hello, source: 'hello', title: 'A server is there, or is not' },
  availability: { schema: availability, source: null, title: 'A kit is there, or is not: plain text, no JSON' },
} as const;
type Name = keyof typeof SCHEMAS;

/** The one message that is no text: its comment in src/schema/stream-frame.ts, without what is about the code. */
const FRAME = {
  title: 'Many history messages of a kit, compressed',
  summary: 'Only for servers that offer stream/1 in their hello.',
  description: `${headComment('stream-frame')}\n${headComment('stream-rows')}`,
  contentType: 'application/octet-stream',
  payload: { type: 'string', format: 'binary', maxLength: MAX_PACKET_BYTES },
};

function headComment(source: string): string {
  const lines = readFileSync(join(ROOT, `src/schema/${source}.ts`), 'utf8').split('\n');
  const end = lines.findIndex((line) => !line.startsWith('//'));
  return `${lines
    .slice(0, end)
    .map((line) => line.replace(/^\/\/ ?/, ''))
    .join('\n')}\n`;
}

/** A message with what dragonsink adds to it; one of a stock DragonSync has none. */
function withSink<Shape extends z.core.$ZodLooseShape>(message: z.ZodObject<Shape, z.core.$loose>): z.ZodType {
  return message.extend({ sink: sinkEnvelope.nullable().optional() });
}

function schemaOf(name: Name): Json {
  const { schema, source, title } = SCHEMAS[name];
  const made = z.toJSONSchema(schema, { io: 'input', target: 'draft-7' }) as Json;
  const comments = source === null ? new Map<string, string>() : commentsOf(source);
  const properties = Object.entries((made['properties'] ?? {}) as Record<string, Json>).map(([field, about]) => {
    const description = comments.get(field);
    return [field, description === undefined ? about : { description, ...about }];
  });
  const { $schema, ...rest } = made;
  return { $schema, title, ...rest, ...(properties.length > 0 ? { properties: Object.fromEntries(properties) } : {}) };
}

/** What src/schema/ says of a message's own fields: the comment just above each. */
function commentsOf(source: string): Map<string, string> {
  const text = readFileSync(join(ROOT, `src/schema/${source}.ts`), 'utf8');
  return new Map(
    [...text.matchAll(/^ {2}\/\*\* (.+?) \*\/\n {2}(\w+):/gm)].map(([, comment = '', f = '']) => [f, comment]),
  );
}

interface Channel {
  readonly address: string;
  readonly message: Name | 'frame';
  /** `kits` send it to the servers, `servers` to the kits. */
  readonly from: 'kits' | 'servers';
  readonly description: string;
  readonly retain: boolean;
  readonly parameters?: Record<string, string>;
}

const KIT = { kit: "The kit's id, with _ for what is no letter, digit, - or _." };
/** Each topic function, with its parameter's name where the id goes: an id that is a topic level stays as it is. */
const kitTopic = (topic: (kitId: string) => string): string => topic('KIT').replace('KIT', '{kit}');

const CHANNELS: Record<string, Channel> = {
  drones: {
    address: historyTopic(DEFAULT_TOPICS, 'drone', ''),
    message: 'drone',
    from: 'kits',
    description: 'Every drone message. Configurable: mqtt_topic, MQTT_TOPIC_DRONES.',
    retain: false,
  },
  drone: {
    address: `${DEFAULT_TOPICS.perDroneBase}/{id}`,
    message: 'drone',
    from: 'kits',
    description:
      'The latest of each drone, with mqtt_per_drone_enabled. Configurable: mqtt_per_drone_base, MQTT_TOPIC_DRONE_PREFIX, mqtt_retain.',
    retain: true,
    parameters: { id: "The drone's id, with / + # % and control characters percent-encoded." },
  },
  aircraft: {
    address: historyTopic(DEFAULT_TOPICS, 'aircraft', ''),
    message: 'aircraft',
    from: 'kits',
    description: 'Every aircraft message. Configurable: mqtt_aircraft_topic, MQTT_TOPIC_AIRCRAFT.',
    retain: false,
  },
  signals: {
    address: historyTopic(DEFAULT_TOPICS, 'signal', ''),
    message: 'signal',
    from: 'kits',
    description: 'Every signal message. Configurable: mqtt_signals_topic, MQTT_TOPIC_SIGNALS.',
    retain: false,
  },
  systemAttrs: {
    address: kitTopic((id) => systemTopics(DEFAULT_TOPICS, id).attrs),
    message: 'system',
    from: 'kits',
    description: "A kit's health. The server's side is configurable: MQTT_TOPIC_SYSTEM.",
    retain: false,
    parameters: KIT,
  },
  systemState: {
    address: kitTopic((id) => systemTopics(DEFAULT_TOPICS, id).state),
    message: 'availability',
    from: 'kits',
    description: 'online with every health message. For Home Assistant; no server reads it.',
    retain: false,
    parameters: KIT,
  },
  systemAvailability: {
    address: kitTopic((id) => systemTopics(DEFAULT_TOPICS, id).availability),
    message: 'availability',
    from: 'kits',
    description: 'For Home Assistant; the server reads the service topic.',
    retain: true,
    parameters: KIT,
  },
  serviceAvailability: {
    address: kitTopic(serviceTopic),
    message: 'availability',
    from: 'kits',
    description: "online when a kit connects; offline when it leaves, and as its connection's last will.",
    retain: true,
    parameters: KIT,
  },
  status: {
    address: kitTopic(statusTopic),
    message: 'status',
    from: 'kits',
    description: 'Every 30 s, and on change.',
    retain: true,
    parameters: KIT,
  },
  stream: {
    address: kitTopic(streamTopic),
    message: 'frame',
    from: 'kits',
    description:
      'Stream frames: new messages with mqtt_wire = stream, and the backlog of any kit unless mqtt_replay says otherwise.',
    retain: false,
    parameters: KIT,
  },
  ack: {
    address: kitTopic(ackTopic),
    message: 'ack',
    from: 'servers',
    description: 'After a commit, and in answer to the first status of a connection.',
    retain: false,
    parameters: KIT,
  },
  hello: {
    address: helloTopic('SERVER').replace('SERVER', '{server}'),
    message: 'hello',
    from: 'servers',
    description: 'When a server connects or its database comes or goes; its last will is one with online: false.',
    retain: true,
    parameters: { server: "The server's id, with _ for what is no letter, digit, - or _." },
  },
};

function asyncApi(): Json {
  const names = Object.keys(SCHEMAS) as Name[];
  const channel = ({ address, message, description, retain, parameters }: Channel): Json => ({
    address,
    description: `${description} ${retain ? 'Retained' : 'Not retained'}.`,
    ...(parameters === undefined
      ? {}
      : {
          parameters: Object.fromEntries(
            Object.entries(parameters).map(([name, about]) => [name, { description: about }]),
          ),
        }),
    messages: { [message]: { $ref: `#/components/messages/${message}` } },
  });
  const operation = (name: string, { from, message, retain }: Channel): Json => ({
    action: from === 'kits' ? 'receive' : 'send',
    channel: { $ref: `#/channels/${name}` },
    messages: [{ $ref: `#/channels/${name}/messages/${message}` }],
    bindings: { mqtt: { qos: 1, retain } },
  });
  return {
    asyncapi: '3.0.0',
    id: 'urn:dragonsink:server',
    info: {
      title: 'dragonsink server',
      version: CONTRACT_VERSION,
      description:
        'What WarDragon kits and dragonsink servers say to each other over MQTT. Seen from the server: it receives what kits send. Unknown fields are ignored. Each history message is one JSON object; an array of them is taken too.',
    },
    defaultContentType: 'application/json',
    servers: { broker: { host: '127.0.0.1:1883', protocol: 'mqtt', protocolVersion: '5' } },
    channels: Object.fromEntries(Object.entries(CHANNELS).map(([name, about]) => [name, channel(about)])),
    operations: Object.fromEntries(
      Object.entries(CHANNELS).map(([name, about]) => [
        `${about.from === 'kits' ? 'receive' : 'send'}${name[0]?.toUpperCase()}${name.slice(1)}`,
        operation(name, about),
      ]),
    ),
    components: {
      messages: Object.fromEntries<Json>([
        ...names.map((name): [string, Json] => [
          name,
          {
            title: SCHEMAS[name].title,
            contentType: name === 'availability' ? 'text/plain' : 'application/json',
            payload: {
              schemaFormat: 'application/schema+json;version=draft-07',
              schema: { $ref: `./schemas/${name}.json` },
            },
          },
        ]),
        ['frame', FRAME],
      ]),
    },
  };
}

/** The files of the contract by their path below config/. */
export function contractFiles(): Map<string, string> {
  const head = '# What kits and servers say to each other. Made from src/schema/ by: npm run contract\n';
  const files = new Map([['asyncapi.yaml', head + stringify(asyncApi(), { lineWidth: 0 })]]);
  for (const name of Object.keys(SCHEMAS) as Name[]) {
    files.set(`schemas/${name}.json`, `${JSON.stringify(schemaOf(name), null, 2)}\n`);
  }
  return files;
}
