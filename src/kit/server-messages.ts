// What servers say to kits, read from the two topics a kit listens to.
import { isObject, parseJson } from '../base/json.js';
import type { IncomingMessage } from '../base/mqtt-link.js';
import { type Ack, ack } from '../schema/ack.js';
import { type Hello, hello } from '../schema/hello.js';
import { ackTopic, HELLO_FILTER } from '../schema/topics.js';

type ServerMessage = { readonly ack: Ack } | { readonly hello: Hello };

/** The filters of both. */
export function serverFilters(kitId: string): string[] {
  return [ackTopic(kitId), HELLO_FILTER];
}

/** Null for what is neither, or not as it should be: nothing is done on the word of who can't spell it. */
export function readServerMessage({ topic, payload, retain }: IncomingMessage, kitId: string): ServerMessage | null {
  const isAck = topic === ackTopic(kitId);
  // A retained acknowledgement outlives the database it speaks of.
  if (payload.length === 0 || (isAck && retain)) return null;
  try {
    const body = parseJson(payload.toString());
    if (!isObject(body)) return null;
    if (isAck) return { ack: ack.parse(body) };
    return { hello: hello.parse(body) };
  } catch {
    return null;
  }
}
