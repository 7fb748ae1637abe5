// Which topics can be configured, and that no two of them meet.
import { type Parsed, type Setting, text } from './spec.js';

/** Far below MQTT's limit of 65,535 bytes; a drone's id still has to fit behind. */
const MAX_TOPIC = 200;

/** What dragonsink and DragonSync say about kits and servers, under names that are fixed (src/schema/topics.ts). */
const FIXED = /^wardragon\/(system|service|sink|ingest)(\/|$)/;

type AboutTopic = Pick<Setting<string>, 'doc' | 'default'> & { readonly trailingSlash?: true };

/** `trailingSlash` takes one off: WarDragon Analytics writes its prefix with one (WarDragonAnalytics docs/mqtt.md). */
export function topic({ trailingSlash, ...about }: AboutTopic): Setting<string> {
  const check = (raw: string): Parsed<string> => {
    const value = trailingSlash ? raw.replace(/\/$/, '') : raw;
    const wrong = wrongTopic(value);
    return wrong === null ? { value } : { wrong };
  };
  const expected = `a topic to publish to: no + or #, no / at either end, at most ${MAX_TOPIC} characters`;
  return text({ ...about, expected, check });
}

function wrongTopic(value: string): string | null {
  if (value === '') return 'is empty';
  if (/[+#]/.test(value)) return 'holds a wildcard';
  if (value.startsWith('/') || value.endsWith('/')) return 'begins or ends with /';
  // [MQTT-4.7.2-1]: these are the broker's own.
  if (value.startsWith('$')) return 'begins with $';
  return value.length > MAX_TOPIC ? `is ${value.length} characters long` : null;
}

export interface Conflict {
  readonly key: string;
  readonly message: string;
  readonly expected: string;
}

/** Two names for one stream, or one stream inside another: nobody could tell what arrives there. */
export function topicConflicts(topics: Readonly<Record<string, string>>, perDroneKey: string): Conflict[] {
  const seen = new Map<string, string>();
  const found: Conflict[] = [];
  const perDrone = topics[perDroneKey] ?? '';
  const expected = 'a topic of its own';
  for (const [key, name] of Object.entries(topics)) {
    const other = seen.get(name);
    if (other !== undefined) found.push({ key, message: `is the same topic as ${other}`, expected });
    seen.set(name, other ?? key);
    if (FIXED.test(name)) found.push({ key, message: `${name} is a topic with a fixed meaning`, expected });
    if (name.startsWith(`${perDrone}/`)) {
      found.push({ key, message: `lies below ${perDroneKey}, among the drones`, expected });
    }
  }
  return found;
}
