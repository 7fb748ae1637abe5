// State topics: what is true now. Never spooled; published fresh on every connection and on change, one at a time,
// and only the newest value of each topic.
import { errorCode, toError } from '../base/errors.js';
import type { Logger } from '../base/log.js';
import type { MqttLink, OutgoingMessage } from '../base/mqtt-link.js';

/** Drones come and go, and their ids can be spoofed: the oldest topics beyond this are no longer refreshed. */
const MAX_TOPICS = 500;

export class LastValues {
  private readonly values = new Map<string, OutgoingMessage>();
  private readonly dirty = new Set<string>();
  private link: MqttLink | null = null;
  private busy: Promise<void> | null = null;
  private hasComplained = false;

  constructor(
    private readonly log: Logger,
    private readonly maxTopics = MAX_TOPICS,
  ) {}

  set(message: OutgoingMessage): void {
    const { topic } = message;
    this.values.delete(topic);
    this.values.set(topic, message);
    this.dirty.add(topic);
    const [oldest] = this.values.keys();
    if (this.values.size > this.maxTopics && oldest !== undefined) this.forget(oldest);
    this.publishSoon();
  }

  /** Has the broker keep nothing there any more. Once it has confirmed that, there is nothing left to say. */
  takeBack(topic: string): void {
    this.set({ topic, payload: '', qos: 1, retain: true });
  }

  /** What the broker has of it stays, and is no longer this kit's to say. */
  forget(topic: string): void {
    this.values.delete(topic);
    this.dirty.delete(topic);
  }

  has(topic: string): boolean {
    return this.values.has(topic);
  }

  /** Says everything once more. */
  again(): void {
    for (const topic of this.values.keys()) this.dirty.add(topic);
    this.publishSoon();
  }

  /** A new connection: everything is published again. */
  begin(link: MqttLink): void {
    this.link = link;
    this.again();
  }

  /** Publishes what is still to be said, then forgets the connection. */
  async end(): Promise<void> {
    await this.busy;
    this.link = null;
  }

  private publishSoon(): void {
    if (this.link === null || this.busy !== null) return;
    this.busy = this.publishAll(this.link).finally(() => {
      this.busy = null;
    });
  }

  private async publishAll(link: MqttLink): Promise<void> {
    for (;;) {
      const [topic] = this.dirty;
      const message = topic === undefined ? undefined : this.values.get(topic);
      if (topic === undefined || message === undefined) return;
      this.dirty.delete(topic);
      try {
        await link.publish(message);
        if (message.payload === '' && this.values.get(topic) === message) this.forget(topic);
      } catch (thrown: unknown) {
        // Refused, or the link is gone: the next connection says everything again.
        this.complain(toError(thrown));
        if (this.link !== link) return;
      }
    }
  }

  /** Of hundreds of topics of one sort one is enough. */
  private complain(error: Error & { hint?: string }): void {
    if (this.hasComplained || errorCode(error) === 'closed') return;
    this.hasComplained = true;
    this.log.warn({ code: errorCode(error), hint: error.hint }, `state topics: ${error.message}`);
  }
}
