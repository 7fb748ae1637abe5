// Every topic, both ways: built from what it is about, and parsed back into it.
import type { Kind } from './kinds.js';

/** The configurable ones (WarDragon Analytics docs/mqtt.md). */
export interface TopicNames {
  readonly drones: string;
  /** Without a trailing slash; the drone's id follows. */
  readonly perDroneBase: string;
  readonly aircraft: string;
  readonly signals: string;
  /** Without a trailing slash; the kit and `attrs` follow. */
  readonly systemBase: string;
}

export const DEFAULT_TOPICS: TopicNames = {
  drones: 'wardragon/drones',
  perDroneBase: 'wardragon/drone',
  aircraft: 'wardragon/aircraft',
  signals: 'wardragon/signals',
  systemBase: 'wardragon/system',
};

/** A kit's id as a topic level (DragonSync sinks/mqtt_sink.py does the same). */
export function kitLevel(kitId: string): string {
  return kitId.replace(/[^A-Za-z0-9_-]/g, '_');
}

export function historyTopic(names: TopicNames, kind: Kind, kitId: string): string {
  switch (kind) {
    case 'drone':
      return names.drones;
    case 'aircraft':
      return names.aircraft;
    case 'signal':
      return names.signals;
    case 'system':
      return systemTopics(names, kitId).attrs;
  }
}

/** DragonSync's three topics of a kit's health. */
export function systemTopics(
  { systemBase }: TopicNames,
  kitId: string,
): { attrs: string; state: string; availability: string } {
  const base = `${systemBase}/${kitLevel(kitId)}`;
  return { attrs: `${base}/attrs`, state: `${base}/state`, availability: `${base}/availability` };
}

export function serviceTopic(kitId: string): string {
  return `wardragon/service/${kitLevel(kitId)}/availability`;
}

export function statusTopic(kitId: string): string {
  return `wardragon/sink/${kitLevel(kitId)}/status`;
}

export function ackTopic(kitId: string): string {
  return `wardragon/sink/${kitLevel(kitId)}/ack`;
}

/** Stream frames: see stream-frame.ts. */
export function streamTopic(kitId: string): string {
  return `wardragon/sink/${kitLevel(kitId)}/stream`;
}

export const HELLO_FILTER = 'wardragon/ingest/+/hello';

export function helloTopic(serverId: string): string {
  return `wardragon/ingest/${kitLevel(serverId)}/hello`;
}

// A topic is at most 65,535 bytes [MQTT-1.5.4]; brokers and dashboards give up long before.
const MAX_DRONE_LEVEL = 512;

/**
 * `base/{id}`, with what a topic level may not hold percent-encoded: `/`, `+`, `#`, NUL and other control
 * characters, and `%` itself. Null when even so the id is too long for a topic.
 */
export function perDroneTopic(base: string, droneId: string): string | null {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
  const level = droneId.toWellFormed().replace(/[/+#%\u0000-\u001f\u007f]/g, (c) => encodeURIComponent(c));
  return level.length > MAX_DRONE_LEVEL ? null : `${base}/${level}`;
}

/** What the server subscribes to. */
export function ingestFilters(names: TopicNames): string[] {
  return [
    names.drones,
    `${names.perDroneBase}/#`,
    names.aircraft,
    names.signals,
    `${names.systemBase}/+/attrs`,
    ...olderSystemTopics(names),
    'wardragon/service/+/availability',
    'wardragon/sink/+/status',
    'wardragon/sink/+/stream',
  ];
}

/** Of a kit's health, before the topic said whose: the message does. */
function olderSystemTopics({ systemBase }: TopicNames): string[] {
  return [systemBase, `${systemBase}/attrs`];
}

/** Of these, the ones whose messages are retained: a subscriber gets the last of each. */
export function stateFilters(names: TopicNames): string[] {
  return [`${names.perDroneBase}/#`, 'wardragon/service/+/availability', 'wardragon/sink/+/status'];
}

export type ParsedTopic =
  | { readonly about: 'history'; readonly kind: Kind; readonly kitLevel: string | null }
  | { readonly about: 'availability'; readonly kitLevel: string }
  | { readonly about: 'status'; readonly kitLevel: string }
  | { readonly about: 'stream'; readonly kitLevel: string }
  | { readonly about: 'other' };

const KIT_TOPIC = /^wardragon\/(?:service\/([^/]+)\/availability|sink\/([^/]+)\/(status|stream))$/;

export function parseTopic(names: TopicNames, topic: string): ParsedTopic {
  if (topic === names.drones) return { about: 'history', kind: 'drone', kitLevel: null };
  if (topic === names.aircraft) return { about: 'history', kind: 'aircraft', kitLevel: null };
  if (topic === names.signals) return { about: 'history', kind: 'signal', kitLevel: null };
  if (olderSystemTopics(names).includes(topic)) return { about: 'history', kind: 'system', kitLevel: null };
  const system = levelBetween(`${names.systemBase}/`, topic, '/attrs');
  if (system !== null) return { about: 'history', kind: 'system', kitLevel: system };
  const [, service, sink, about] = KIT_TOPIC.exec(topic) ?? [];
  if (service !== undefined) return { about: 'availability', kitLevel: service };
  if (sink !== undefined) return { about: about === 'stream' ? 'stream' : 'status', kitLevel: sink };
  // DragonSync also puts pilot_state, home_attrs and the like below a drone's topic: states, not detections.
  if (topic.startsWith(`${names.perDroneBase}/`) && !HOME_ASSISTANT_STATE.test(topic)) {
    return { about: 'history', kind: 'drone', kitLevel: null };
  }
  return { about: 'other' };
}

/** The one level between a beginning and an end. */
function levelBetween(beginning: string, topic: string, end: string): string | null {
  if (!topic.startsWith(beginning) || !topic.endsWith(end)) return null;
  const level = topic.slice(beginning.length, -end.length);
  return level === '' || level.includes('/') ? null : level;
}

const HOME_ASSISTANT_STATE = /\/((pilot|home)_(state|attrs|availability)|state|availability)$/;
