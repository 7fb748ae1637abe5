// What the kit says of itself and of each drone on the state topics (DragonSync sinks/mqtt_sink.py has the same).
import type { OutgoingMessage, Qos } from '../base/mqtt-link.js';
import { perDroneTopic, serviceTopic, systemTopics, type TopicNames } from '../schema/topics.js';
import type { Accepted } from './intake.js';
import type { LastValues } from './last-values.js';
import { type Outgoing, sealed } from './packets.js';

export interface PerDrone {
  readonly retain: boolean;
  readonly qos: Qos;
}

/** The connection's only will: one topic says whether the kit is there. */
export function will(kitId: string): OutgoingMessage {
  return { topic: serviceTopic(kitId), payload: 'offline', qos: 1, retain: true };
}

export class States {
  constructor(
    private readonly values: LastValues,
    private readonly topics: TopicNames,
    private readonly kitId: string,
    private readonly perDrone: PerDrone | null,
    private readonly clockOffsetOf: NonNullable<Outgoing['clockOffsetOf']>,
    /** Of which drones the broker may keep the latest message. */
    private readonly mayKeep: (droneId: string) => boolean = () => true,
  ) {}

  online(): void {
    this.availability('online');
  }

  offline(): void {
    this.availability('offline');
  }

  private availability(payload: 'online' | 'offline'): void {
    this.values.set({ topic: serviceTopic(this.kitId), payload, qos: 1, retain: true });
    this.values.set({ topic: systemTopics(this.topics, this.kitId).availability, payload, qos: 1, retain: true });
  }

  accepted({ kind, thing, row }: Accepted): void {
    if (kind === 'system') {
      this.values.set({ topic: systemTopics(this.topics, this.kitId).state, payload: 'online', qos: 0, retain: false });
    }
    if (kind !== 'drone' || this.perDrone === null) return;
    const topic = perDroneTopic(this.topics.perDroneBase, thing);
    if (topic === null) return;
    const payload = sealed({ kitId: this.kitId, clockOffsetOf: this.clockOffsetOf }, { row, replay: false });
    this.values.set({ topic, payload, qos: this.perDrone.qos, retain: this.perDrone.retain && this.mayKeep(thing) });
  }

  /** The drone is gone for good. */
  takeBack(droneId: string): void {
    const topic = perDroneTopic(this.topics.perDroneBase, droneId);
    if (topic !== null) this.values.takeBack(topic);
  }
}
