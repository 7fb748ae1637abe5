// One parser per kind, and what makes two messages the same observation.
import { createHash } from 'node:crypto';
import type { z } from 'zod';
import type { JsonObject } from '../base/json.js';
import { aircraftMessage } from './aircraft.js';
import { droneMessage } from './drone.js';
import type { Kind } from './kinds.js';
import { signalMessage } from './signal.js';
import { systemMessage } from './system.js';

export const MESSAGES = {
  drone: droneMessage,
  aircraft: aircraftMessage,
  signal: signalMessage,
  system: systemMessage,
} as const satisfies Record<Kind, z.ZodType>;

export type Messages = { [K in Kind]: z.infer<(typeof MESSAGES)[K]> };

/** The thing a message is about, within its kit and kind: the first half of its natural key. */
export function thingOf(kind: Kind, message: JsonObject): string {
  switch (kind) {
    case 'drone':
      return String(message['id']);
    case 'aircraft':
      return String(message['icao']).toUpperCase();
    case 'signal':
      return String(message['uid']);
    case 'system':
      return '';
  }
}

/** A short, stable digest of a message's content. */
export function contentHash(content: unknown): string {
  return createHash('sha1').update(JSON.stringify(content)).digest('base64url').slice(0, 16);
}
