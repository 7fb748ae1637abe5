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

  constructor(private readonly log: Logger) {}

  set(message: OutgoingMessage): void {
    const { topic } = message;
    this.values.delete(topic);
    this.values.set(topic, message);
    this.dirty.add(topic);
    const [oldest] = this.values.keys();
    if (this.values.size > MAX_TOPICS && oldest !== undefined) {
      this.values.delete(oldest);
      this.dirty.delete(oldest);
    }
    this.publishSoon();
  }

  /** A new connection: everything is published again. */
  begin(link: MqttLink): void {
    this.link = link;
    for (const topic of this.values.keys()) this.dirty.add(topic);
    this.publishSoon();
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
