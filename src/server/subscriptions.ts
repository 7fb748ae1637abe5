// What a server subscribes to on one connection: everything for itself, or the kits' messages as a member of a share.
//
// Members of one share (MQTT 5 shared subscriptions) stand before one database, and the broker gives each message to one
// of them. What follows from that:
// - A member keeps no session: what the broker kept for one that does not come back, nobody else would get. What was on
//   its way to a member whose connection ends is lost with it [MQTT5-4.8.2 lets a broker give it to another, mosquitto
//   does not], and comes again from the kits: its hello says that it went, and each of its connections is a new session.
//   Messages without `sink` do not come again.
// - Retained messages are not sent to shared subscriptions [MQTT5-4.8.2]. Topics that hold any are read by every member
//   for itself: a status counts once, by its `n`, and a last state is one row, by its natural key.
// - So every member also answers a status, and each acknowledges what the database has of the streams that it touched,
//   whoever stored it: ranges are read in its own transaction, under the kit's lock. A kit takes the union.
// - A status may be committed before rows that were sent ahead of it and went to another member. None of them is called
//   missing: below the status' floor is only what was acknowledged, and so committed, or given up on record. One that was
//   sent after it may be committed with it, before its neighbours at other members are: those above the status' `next`
//   then count as missing until the next status, within the minute in which nothing is printed. Only when the kit falls
//   silent just then, and they died with a member, does the ledger call them missing until the kit is back.
// - One whose database is away leaves the share, or its part of all messages would wait with it.
import type { MqttLink } from '../base/mqtt-link.js';
import { ingestFilters, stateFilters, type TopicNames } from '../schema/topics.js';

export class Subscriptions {
  private readonly own: readonly string[];
  /** Empty for a server that shares with nobody. */
  private readonly shared: readonly string[];
  private isMember = false;
  private turn: Promise<void> = Promise.resolve();

  constructor(
    private readonly link: Pick<MqttLink, 'subscribe' | 'unsubscribe'>,
    topics: TopicNames,
    group: string | null,
  ) {
    const all = ingestFilters(topics);
    const states = new Set(stateFilters(topics));
    this.own = group === null ? all : all.filter((filter) => states.has(filter));
    this.shared = group === null ? [] : all.filter((one) => !states.has(one)).map((one) => `$share/${group}/${one}`);
  }

  /** Without the share, which `setMember` joins. */
  begin(): Promise<void> {
    return this.link.subscribe(this.own, 1);
  }

  /**
   * Joins the share or leaves it, after what was asked before, whatever came of that. Once it has left, nothing new comes.
   *
   * @throws BrokerError the broker's no, or `closed`: asked again, it tries again.
   */
  setMember(wanted: boolean): Promise<void> {
    if (this.shared.length === 0) return Promise.resolve();
    const turn = this.turn.then(async () => {
      if (this.isMember === wanted) return;
      await (wanted ? this.link.subscribe(this.shared, 1) : this.link.unsubscribe(this.shared));
      this.isMember = wanted;
    });
    this.turn = turn.catch(() => {}); // whoever asked is told
    return turn;
  }
}
