// Home Assistant's MQTT discovery: announces the kit and its drones, again when Home Assistant or the broker has begun
// anew, and takes back a drone that has been gone for long enough. Several kits share the entities of a drone: the one
// that announced it last answers for it, and another one that hears it takes over when that one has lost it, or is gone.
import { errorCode, toError } from '../../base/errors.js';
import { isObject, type JsonObject, parseJson } from '../../base/json.js';
import type { Logger } from '../../base/log.js';
import type { IncomingMessage, MqttLink } from '../../base/mqtt-link.js';
import { perDroneTopic, serviceTopic, systemTopics, type TopicNames } from '../../schema/topics.js';
import type { Spool } from '../../spool/spool.js';
import type { Accepted } from '../intake.js';
import { LastValues } from '../last-values.js';
import { Announced, type Drone, MAX_DRONES } from './announced.js';
import {
  ANCHOR,
  announcerOf,
  configOf,
  configTopic,
  type Device,
  DRONE_ENTITIES,
  droneDevice,
  type Entity,
  type EntityNames,
  KIT_ENTITIES,
  kitDevice,
  presenceTopic,
} from './entities.js';
import { birthTopics } from './topics.js';

export interface DiscoveryOptions {
  readonly names: EntityNames;
  readonly topics: TopicNames;
  /** A drone that has been gone for so long is taken back. */
  readonly expireMs: number;
  /** False where the kit's health is not published on its topic. */
  readonly announcesKit: boolean;
  readonly kitId: string;
  readonly spool: Pick<Spool, 'note' | 'setNote'>;
  /** Home Assistant has begun anew: everything it reads is to be said again. */
  readonly onBirth: () => void;
  /** A drone is taken back: what else the broker keeps of it goes too. */
  readonly onTakenBack: (droneId: string) => void;
  readonly log: Logger;
  readonly now?: () => number;
}

/** As DragonSync: a drone that is not heard for so long is not there any more. */
const GONE_MS = 60_000;
const TICK_MS = 5_000;
const SAVE_EVERY_MS = 60_000;
/** Two kits, or somebody who means harm, must not announce against each other without end. */
const ANNOUNCE_EVERY_MS = 10_000;
/** While there is no place, a new drone takes that of one that is gone; spoofed ones must not churn the broker. */
const REPLACE_EVERY_MS = 10_000;
const MAX_KITS = 1_000;
const ANCHOR_ENTITY = DRONE_ENTITIES.find(({ suffix }) => suffix === ANCHOR) as Entity;

export class Discovery {
  private readonly values: LastValues;
  private readonly announced: Announced;
  /** The drone of a topic that says who announced it, or whether it is heard. */
  private readonly droneOf = new Map<string, string>();
  /** Topics that are taken back and not confirmed yet, by drone. */
  private readonly takenBack = new Map<string, readonly string[]>();
  private readonly kitEntities = new Set<string>();
  /** The topics of the wills of other kits that are away. */
  private readonly away = new Set<string>();
  private readonly service: string;
  private readonly now: () => number;
  private link: MqttLink | null = null;
  private timer: NodeJS.Timeout | undefined;
  private isBorn = false;
  private isComplaining = false;
  private replacedAtMs = Number.NEGATIVE_INFINITY;
  private savedAtMs: number;

  constructor(private readonly options: DiscoveryOptions) {
    this.now = options.now ?? (() => performance.now());
    this.service = serviceTopic(options.kitId);
    this.values = new LastValues(options.log, (MAX_DRONES + 1) * (DRONE_ENTITIES.length + 1) * 2);
    this.announced = new Announced(options.spool, this.now());
    this.savedAtMs = this.now();
    for (const { id } of this.announced.all()) this.watch(id);
  }

  /** A new connection: listens, and says everything again. */
  async begin(link: MqttLink): Promise<void> {
    this.link = link;
    this.lookForGone(this.now());
    // What was here when the kit was stopped may have left since; if not, it is heard again in a moment.
    for (const drone of this.announced.all())
      if (!drone.isHere && this.answersFor(drone)) this.say(drone.id, 'offline');
    this.values.begin(link);
    this.timer = setInterval(() => this.tick(), TICK_MS);
    const births = birthTopics(this.options.names.prefix);
    await this.subscribe([...births, 'wardragon/service/+/availability', ...this.droneOf.keys()]);
  }

  async end(): Promise<void> {
    clearInterval(this.timer);
    this.link = null;
    this.save();
    await this.values.end();
  }

  /** Whether the drone has its place: what has none is not kept by the broker either. */
  holds(droneId: string): boolean {
    return this.announced.get(droneId) !== undefined;
  }

  accepted({ kind, thing, row, isFirst }: Accepted): void {
    if (kind !== 'drone' && kind !== 'system') return;
    const message = parseJson(row.body);
    if (!isObject(message)) return;
    if (kind === 'system') this.kitHeard(message);
    // Of spoofed ids most are heard once.
    else if (!isFirst || this.holds(thing)) this.droneHeard(thing, message);
  }

  private kitHeard(message: JsonObject): void {
    const { names, topics, kitId, announcesKit } = this.options;
    if (!announcesKit) return;
    const device = kitDevice(names, kitId, systemTopics(topics, kitId).attrs, this.service);
    for (const entity of KIT_ENTITIES) {
      if (this.kitEntities.has(entity.suffix) || !entity.isKnown(message)) continue;
      this.kitEntities.add(entity.suffix);
      this.announce(device, entity);
    }
  }

  private droneHeard(id: string, message: JsonObject): void {
    if (perDroneTopic(this.options.topics.perDroneBase, id) === null) return;
    const known = this.announced.get(id);
    if (known === undefined && !this.makeRoom()) return;
    const nowMs = this.now();
    const drone = known ?? this.add(id, nowMs);
    const wasHere = drone.isHere;
    this.announced.heard(drone, nowMs);
    const fresh = DRONE_ENTITIES.filter(({ suffix, isKnown }) => !drone.entities.has(suffix) && isKnown(message));
    for (const { suffix } of fresh) drone.entities.add(suffix);
    if (drone.isDue) this.takeOver(drone);
    else for (const entity of fresh) this.announce(this.deviceOf(id, drone.announcer ?? this.service), entity);
    if (!wasHere) this.say(id, 'online');
  }

  private add(id: string, nowMs: number): Drone {
    const drone = this.announced.add(id, nowMs);
    this.takenBack.delete(id);
    void this.subscribe(this.watch(id));
    this.save();
    return drone;
  }

  private makeRoom(): boolean {
    if (!this.announced.isFull) return true;
    if (!this.isComplaining) {
      this.isComplaining = true;
      const place = 'a new one takes the place of the one that has been gone for longest';
      this.options.log.warn(`${MAX_DRONES} drones are announced to Home Assistant, which is the limit: ${place}`);
    }
    const nowMs = this.now();
    const longest = this.announced.longestGone();
    if (longest === null || nowMs - this.replacedAtMs < REPLACE_EVERY_MS) return false;
    this.replacedAtMs = nowMs;
    this.leave(longest);
    return true;
  }

  /** Every few seconds; also in a test. */
  tick(): void {
    const nowMs = this.now();
    if (this.isBorn) {
      this.isBorn = false;
      this.values.again();
      this.options.onBirth();
    }
    this.lookForGone(nowMs);
    for (const drone of this.announced.all()) {
      if (drone.isHere && drone.isDue) this.takeOver(drone);
      else if (nowMs - drone.heardAtMs >= this.options.expireMs) this.leave(drone);
    }
    const confirmed = [...this.takenBack].filter(([, topics]) => !topics.some((topic) => this.values.has(topic)));
    for (const [id] of confirmed) this.takenBack.delete(id);
    if (confirmed.length > 0 || nowMs - this.savedAtMs >= SAVE_EVERY_MS) this.save();
  }

  private lookForGone(nowMs: number): void {
    for (const drone of this.announced.all()) {
      if (!drone.isHere || nowMs - drone.heardAtMs < GONE_MS) continue;
      drone.isHere = false;
      if (this.answersFor(drone)) this.say(drone.id, 'offline');
    }
  }

  /** What Home Assistant and the other kits say. */
  heard({ topic, payload, retain }: Pick<IncomingMessage, 'topic' | 'payload' | 'retain'>): void {
    const text = payload.toString();
    if (birthTopics(this.options.names.prefix).includes(topic)) {
      // A retained one comes with every connection, on which everything is said anyway.
      this.isBorn ||= text === 'online' && !retain;
      return;
    }
    const drone = this.announced.get(this.droneOf.get(topic) ?? '');
    if (drone === undefined) {
      if (topic.startsWith('wardragon/service/')) this.kitSaid(topic, text);
    } else if (topic === this.anchorOf(drone.id)) {
      this.anchorSaid(drone, text);
    } else if (text === 'offline') {
      this.due(drone);
    }
  }

  private anchorSaid(drone: Drone, text: string): void {
    if (text === '' && drone.isHere) this.due(drone);
    // Taken back by another kit, or by hand in Home Assistant: it comes again when it is heard again.
    else if (text === '') this.forget(drone);
    else drone.announcer = announcerOf(jsonOf(text));
    if (drone.announcer !== null && this.away.has(drone.announcer)) this.due(drone);
  }

  private kitSaid(topic: string, text: string): void {
    if (topic === this.service) return;
    if (text === 'offline' && this.away.size < MAX_KITS) this.away.add(topic);
    else if (text !== 'offline') this.away.delete(topic);
    for (const drone of this.announced.all()) {
      if (drone.announcer !== null && this.away.has(drone.announcer)) this.due(drone);
    }
  }

  private due(drone: Drone): void {
    if (!drone.isHere) return;
    drone.isDue = true;
    this.takeOver(drone);
  }

  private takeOver(drone: Drone): void {
    const nowMs = this.now();
    if (nowMs - drone.announcedAtMs < ANNOUNCE_EVERY_MS) return;
    drone.isDue = false;
    drone.announcedAtMs = nowMs;
    drone.announcer = this.service;
    const device = this.deviceOf(drone.id, this.service);
    for (const entity of DRONE_ENTITIES) if (drone.entities.has(entity.suffix)) this.announce(device, entity);
    this.say(drone.id, 'online');
  }

  /** It is gone for good: whoever answers for it takes it back. */
  private leave(drone: Drone): void {
    const { id } = drone;
    if (this.answersFor(drone)) {
      const device = this.deviceOf(id, this.service);
      const topics = DRONE_ENTITIES.map((entity) => configTopic(this.options.names, device, entity));
      for (const topic of [...topics, presenceTopic(device.stateTopic)]) this.values.takeBack(topic);
      this.takenBack.set(id, topics);
      this.options.onTakenBack(id);
    }
    this.forget(drone);
  }

  private forget({ id }: Drone): void {
    this.announced.forget(id);
    const topics = this.topicsOf(id);
    for (const topic of topics) this.droneOf.delete(topic);
    if (this.takenBack.get(id) === undefined) this.forgetTopics(id);
    void this.link?.unsubscribe(topics).catch(() => {}); // of a link that is gone nothing comes
    this.save();
  }

  /** They are another kit's now, and not to be said again by this one. */
  private forgetTopics(id: string): void {
    const device = this.deviceOf(id, this.service);
    for (const entity of DRONE_ENTITIES) this.values.forget(configTopic(this.options.names, device, entity));
    this.values.forget(presenceTopic(device.stateTopic));
  }

  /** Also in the place of a kit that is away, which would leave it there for ever. */
  private answersFor({ announcer }: Drone): boolean {
    return announcer === null || announcer === this.service || this.away.has(announcer);
  }

  private announce(device: Device, entity: Entity): void {
    const topic = configTopic(this.options.names, device, entity);
    this.values.set({ topic, payload: JSON.stringify(configOf(device, entity)), qos: 1, retain: true });
  }

  private say(id: string, payload: 'online' | 'offline'): void {
    this.values.set({ topic: presenceTopic(this.stateTopicOf(id)), payload, qos: 1, retain: true });
  }

  private deviceOf(id: string, service: string): Device {
    return droneDevice(this.options.names, id, this.stateTopicOf(id), service);
  }

  private stateTopicOf(id: string): string {
    return perDroneTopic(this.options.topics.perDroneBase, id) ?? '';
  }

  private anchorOf(id: string): string {
    return configTopic(this.options.names, this.deviceOf(id, this.service), ANCHOR_ENTITY);
  }

  /** What is said of it on the broker, by whichever kit. */
  private topicsOf(id: string): [anchor: string, presence: string] {
    return [this.anchorOf(id), presenceTopic(this.stateTopicOf(id))];
  }

  private watch(id: string): string[] {
    const topics = this.topicsOf(id);
    for (const topic of topics) this.droneOf.set(topic, id);
    return topics;
  }

  private async subscribe(filters: readonly string[]): Promise<void> {
    try {
      await this.link?.subscribe(filters, 1);
    } catch (thrown: unknown) {
      const { message, hint } = toError(thrown) as Error & { hint?: string };
      // Every new connection subscribes again.
      if (errorCode(thrown) !== 'closed') this.options.log.warn({ hint }, `Home Assistant: ${message}`);
    }
  }

  private save(): void {
    this.savedAtMs = this.now();
    try {
      this.announced.save(this.savedAtMs, this.takenBack.keys());
    } catch (thrown: unknown) {
      // On a full disk; what was announced since is not known to the next start.
      this.options.log.debug(`Home Assistant: what is announced could not be kept: ${toError(thrown).message}`);
    }
  }
}

function jsonOf(text: string): unknown {
  try {
    return parseJson(text);
  } catch {
    return null;
  }
}
