// What DragonSync pushes over MQTT: to an endpoint of ours, or to a broker that we subscribe to. Read, handed to the intake
// with all else that has come by then, in one commit, and only then acknowledged.
import { errorCode, PayloadError, toError } from '../base/errors.js';
import { isObject, type JsonObject, parseJson } from '../base/json.js';
import type { Part } from '../base/lifecycle.js';
import type { Logger } from '../base/log.js';
import type { PushedMessage } from '../base/mqtt-receiver.js';
import type { Kind } from '../schema/kinds.js';
import type { KitStatus } from '../schema/status.js';
import { DEFAULT_TOPICS, type ParsedTopic, parseTopic, type TopicNames } from '../schema/topics.js';
import type { Heard } from './intake.js';
import { PushLink, type PushPlace } from './push-link.js';

export interface PushSourceOptions {
  readonly place: PushPlace;
  /** As set for what we publish; DragonSync's own defaults are known besides. */
  readonly topics: TopicNames;
  /** Returns those that are news and were not accepted; may throw SpoolError. */
  readonly take: (heard: readonly Heard[]) => ReadonlySet<Heard>;
  /** Whether a message that names this kit is of ours; asked only where several kits may publish. */
  readonly isOurs: (named: unknown) => boolean;
  /** Null while it is not known. */
  readonly kitId: () => string | null;
  /** An aircraft's message has no time, and says less than the API: it is taken only while that is away. */
  readonly wantsAircraft: () => boolean;
  /** A message of DragonSync's has come, news or not. */
  readonly onPushed: (kind: Kind) => void;
  /** The kit's id, from our own DragonSync. */
  readonly onKitId: (uid: unknown) => void;
  readonly onInvalid: (kind: Kind, error: Error) => void;
  readonly log: Logger;
}

interface Waiting {
  readonly message: PushedMessage;
  readonly heard: Heard | null;
}

export class PushSource implements Part {
  readonly name = 'push source';
  /** Messages of DragonSync's, news or not, and of others: of another kit, of dragonsink itself, of no known topic. */
  readonly counts = { messages: 0, others: 0 };
  lastMessageAtMs: number | null = null;
  private readonly link: PushLink;
  private waiting: Waiting[] = [];
  private commit: Promise<void> | null = null;

  constructor(private readonly options: PushSourceOptions) {
    this.link = new PushLink({
      place: options.place,
      topics: [DEFAULT_TOPICS, options.topics],
      kitId: options.kitId,
      onMessages: (messages) => this.take(messages),
      log: options.log,
    });
  }

  start(): void {
    this.link.start();
  }

  async stop(): Promise<void> {
    await this.link.stop();
    await this.commit;
  }

  get isConnected(): boolean {
    return this.link.isConnected;
  }

  /** What the kit's status says of it. */
  status(): NonNullable<KitStatus['source']['push']> {
    const { counts, lastMessageAtMs, link } = this;
    const last_message_at = lastMessageAtMs === null ? null : new Date(lastMessageAtMs).toISOString();
    return { ...link.status(), last_message_at, ...counts };
  }

  /** Resolves when they are committed, with whatever else comes before the event loop gets there. */
  private take(messages: readonly PushedMessage[]): Promise<void> {
    for (const message of messages) this.waiting.push({ message, heard: this.read(message) });
    this.commit ??= new Promise((resolve) => {
      setImmediate(() => {
        this.commit = null;
        this.commitAll();
        resolve();
      });
    });
    return this.commit;
  }

  private commitAll(): void {
    const waiting = this.waiting;
    this.waiting = [];
    const heard = waiting.flatMap((one) => one.heard ?? []);
    const left = heard.length === 0 ? new Set<Heard>() : this.hand(heard);
    for (const { message, heard: useful } of waiting) {
      if (useful === null || !left.has(useful)) message.ack();
      else message.refuse();
    }
  }

  private hand(heard: readonly Heard[]): ReadonlySet<Heard> {
    try {
      return this.options.take(heard);
    } catch (thrown: unknown) {
      // The poller is shown the same, and says why it is refused.
      this.options.log.debug({ code: errorCode(thrown) }, `pushed, and not taken: ${toError(thrown).message}`);
      return new Set(heard);
    }
  }

  /** Null when it is nothing that is accepted: that may be acknowledged at once. */
  private read(message: PushedMessage): Heard | null {
    const parsed = this.topicOf(message.topic);
    if (parsed.about !== 'history' || message.payload.length === 0) {
      this.counts.others += 1;
      return null;
    }
    const { kind } = parsed;
    try {
      const entry = parse(message);
      if (!this.isWanted(kind, entry)) {
        this.counts.others += 1;
        return null;
      }
      this.counts.messages += 1;
      this.lastMessageAtMs = Date.now();
      this.options.onPushed(kind);
      if (kind !== 'aircraft') return { kind, entry, pushed: true };
      if (!this.options.wantsAircraft()) return null;
      return { kind, entry: { ...entry, observed_at: Date.now() / 1_000 }, pushed: true };
    } catch (thrown: unknown) {
      this.options.onInvalid(kind, toError(thrown));
      return null;
    }
  }

  private topicOf(topic: string): ParsedTopic {
    const parsed = parseTopic(DEFAULT_TOPICS, topic);
    return parsed.about === 'other' ? parseTopic(this.options.topics, topic) : parsed;
  }

  /** Not what a dragonsink has sent, perhaps we ourselves, and not what another kit has. */
  private isWanted(kind: Kind, entry: JsonObject): boolean {
    if (entry['sink'] !== undefined) return false;
    const named = kind === 'system' ? entry['id'] : entry['seen_by'];
    if (this.options.place.isShared) return this.options.isOurs(named);
    if (kind === 'system') this.options.onKitId(named);
    return true;
  }
}

function parse({ payload, cut }: PushedMessage): JsonObject {
  if (cut) throw new PayloadError('a message larger than any detection', { code: 'too-large' });
  const value = parseJson(payload.toString());
  if (!isObject(value)) throw new PayloadError('a message that is no object', { code: 'schema' });
  return value;
}
