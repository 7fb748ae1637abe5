// From what a kit's API shows to what the database takes: what is new in it, through the same decoder as MQTT messages,
// so that units, columns and natural keys are the same whichever way an observation came.
import { PayloadError, SourceError, toError } from '../../base/errors.js';
import type { JsonObject } from '../../base/json.js';
import { noveltyOf, toMessage } from '../../dragonsync/normalise.js';
import type { Kind } from '../../schema/kinds.js';
import { isKitId } from '../../schema/kit-id.js';
import { contentHash } from '../../schema/messages.js';
import { kitLevel, type TopicNames } from '../../schema/topics.js';
import type { Decoder } from '../decode.js';
import { MAX_KEPT_BYTES } from '../rejects.js';
import type { Batch, Observation, Reject } from '../store.js';

export interface Shown {
  readonly kind: Kind;
  readonly entry: JsonObject;
}

export interface AnswersOptions {
  readonly kitId: string;
  readonly apiUrl: string;
  readonly topics: TopicNames;
  readonly decoder: Pick<Decoder, 'decode'>;
}

/** More things than one kit hears in a day; beyond it all are looked up in the database once more, and found there. */
const MAX_THINGS = 20_000;

export class Answers {
  private readonly marks = new Map<string, string>();

  constructor(private readonly options: AnswersOptions) {}

  /** @throws SourceError `kit` when any of it names another kit. */
  check(shown: readonly Shown[]): void {
    for (const { kind, entry } of shown) this.checkKit(kind === 'system' ? entry['uid'] : entry['seen_by']);
  }

  /** What of it was not shown before. An entry that is no detection becomes a reject, once. */
  take(shown: readonly Shown[], receivedUs: number): Batch {
    const observations: Observation[] = [];
    const rejects: Reject[] = [];
    for (const { kind, entry } of shown) {
      const batch = this.read(kind, entry, receivedUs);
      for (const observation of batch.observations) observations.push({ ...observation, polled: true });
      rejects.push(...batch.rejects);
    }
    return { observations, rejects, contacts: [], reports: [] };
  }

  /** @throws SourceError `kit` when it is another kit's id. */
  checkKit(named: unknown): void {
    const { kitId, apiUrl } = this.options;
    if (!isKitId(named) || named === kitId) return;
    throw new SourceError(`${apiUrl} is the API of ${named}, not of ${kitId}: nothing of it is stored`, {
      code: 'kit',
      hint: `give ${kitId} its own: dragonsink kits add ${kitId} --api-url URL`,
    });
  }

  private read(kind: Kind, entry: JsonObject, receivedUs: number): Pick<Batch, 'observations' | 'rejects'> {
    const { kitId, decoder } = this.options;
    try {
      const { thing, mark } = noveltyOf(kind, entry);
      if (!this.isNews(`${kind} ${thing}`, mark)) return NOTHING;
      // The kits table says which kit it is: DragonSync names none for some drones. `sink` belongs to MQTT.
      const { sink: _, ...message } = toMessage(kind, entry);
      const payload = Buffer.from(JSON.stringify({ ...message, seen_by: kitId }));
      const batch = decoder.decode({ topic: this.topicOf(kind), payload, receivedUs, from: kitId });
      return { ...batch, rejects: batch.rejects.map((reject) => ({ ...reject, topic: this.placeOf(kind) })) };
    } catch (thrown: unknown) {
      if (!(thrown instanceof PayloadError)) throw thrown;
      const { last_update_time: _, observed_at: __, ...content } = entry;
      if (!this.isNews(`${kind} ${contentHash(content)}`, 'rejected')) return NOTHING;
      const payload = Buffer.from(JSON.stringify(entry)).subarray(0, MAX_KEPT_BYTES);
      const { code: reason, message: detail } = { code: thrown.code, message: toError(thrown).message };
      const topic = this.placeOf(kind);
      return {
        observations: [],
        rejects: [{ receivedUs, topic, kitId, kind, identity: null, reason, detail, payload }],
      };
    }
  }

  private isNews(thing: string, mark: string): boolean {
    if (this.marks.get(thing) === mark) return false;
    if (this.marks.size >= MAX_THINGS) this.marks.clear();
    this.marks.set(thing, mark);
    return true;
  }

  private topicOf(kind: Kind): string {
    const { topics, kitId } = this.options;
    const topicOfKind = { drone: topics.drones, aircraft: topics.aircraft, signal: topics.signals };
    return kind === 'system' ? `${topics.systemBase}/${kitLevel(kitId)}/attrs` : topicOfKind[kind];
  }

  /** Where a reject came from. */
  private placeOf(kind: Kind): string {
    return `${this.options.apiUrl}/${{ drone: 'drones', aircraft: 'drones', signal: 'signals', system: 'status' }[kind]}`;
  }
}

const NOTHING = { observations: [], rejects: [] };
