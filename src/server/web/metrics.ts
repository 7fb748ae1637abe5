// prom-client's door: what the server's parts tell, as Prometheus reads it.
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { VERSION } from '../../base/version.js';
import { KINDS, type Kind } from '../../schema/kinds.js';
import { isBroken } from '../../schema/receivers.js';
import type { Recorder } from '../recorder.js';
import type { Batch, CommitResult } from '../store.js';
import type { Health } from './health.js';

/** Kit ids come from outside: beyond this many the one that has been quiet longest is left out. */
export const MAX_KITS = 1_000;
const US_PER_S = 1e6;
const SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const AGE_SECONDS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3_600];
const BATCH_MESSAGES = [1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000];

/** Why a message is rejected; a rate of one that is not named here begins with its second. */
const REJECT_REASONS = ['json', 'schema', 'kit', 'frame', 'time', 'retention', 'database', 'internal'];

/** A message that can't be read may be of no kind. */
const kindOf = (kind: Kind | null): Kind | 'unknown' => kind ?? 'unknown';

export class Metrics implements Recorder {
  private readonly registry = new Registry();
  private readonly received_ = this.counter('messages_received_total', 'Messages read, each time they came.', ['kind']);
  private readonly stored = this.counter('messages_stored_total', 'Messages that became new rows.', ['kind']);
  private readonly merged = this.counter('messages_merged_total', 'Messages that were the same observation as a row.', [
    'kind',
  ]);
  private readonly duplicates = this.counter('messages_duplicate_total', 'Messages that were there already.', ['kind']);
  private readonly rejected = this.counter('messages_rejected_total', 'Messages that went to ingest_rejects.', [
    'kind',
    'reason',
  ]);
  private readonly lost = this.counter(
    'messages_dropped_total',
    'Messages at QoS 0 that were dropped because too many waited for the database.',
    ['kind'],
  );
  private readonly excess = this.counter(
    'messages_over_quota_total',
    'Messages that were not stored because too many of their kit waited for the database.',
    ['kind'],
  );
  private readonly notKept = this.counter(
    'rejects_not_kept_total',
    'Of the rejected messages, those that ingest_rejects does not hold because there were too many.',
    [],
  );
  private readonly failures = this.counter('commit_failures_total', 'Commits that failed and were tried again.', []);
  private readonly sessions = this.counter('broker_sessions_lost_total', 'Connections without the session we had.', []);
  private readonly acks = this.counter('acks_sent_total', 'Acknowledgements sent to kits.', []);
  private readonly batches = this.histogram('batch_messages', 'Messages per commit.', BATCH_MESSAGES, []);
  private readonly commits = this.histogram('commit_duration_seconds', 'Time of a commit.', SECONDS, []);
  private readonly waits = this.histogram('receive_to_commit_seconds', 'From a message to its commit.', SECONDS, []);
  private readonly ages = this.histogram(
    'observation_age_seconds',
    'From a live observation (no replay) to its commit, by the clocks of kit and server.',
    AGE_SECONDS,
    ['kind'],
  );
  private readonly kits = this.gauge('kit_last_contact_timestamp_seconds', 'When a kit was heard last.', ['kit']);
  /** The kits of `kits`, the one that has been quiet longest first. */
  private readonly contacts = new Map<string, number>();
  private readonly brokenRadios = this.gauge('kit_receivers_broken', 'Radios in use that hear nothing.', ['kit']);
  private readonly queue = this.gauge('messages_waiting', 'Messages that wait for the database.', []);
  private readonly storeUp = this.gauge('store_up', 'Whether the database works.', []);
  private readonly brokerUp = this.gauge('broker_connected', 'Whether the broker is connected.', []);

  constructor(private readonly health: Health) {
    collectDefaultMetrics({ register: this.registry });
    this.gauge('build_info', 'The version, with the value 1.', ['version']).set({ version: VERSION }, 1);
    // Without these a rate begins with the second one.
    for (const kind of KINDS) {
      for (const counter of [this.received_, this.stored, this.merged, this.duplicates, this.lost, this.excess]) {
        counter.inc({ kind }, 0);
      }
    }
    for (const kind of [...KINDS, kindOf(null)]) {
      for (const reason of REJECT_REASONS) this.rejected.inc({ kind, reason }, 0);
    }
  }

  get contentType(): string {
    return this.registry.contentType;
  }

  async text(): Promise<string> {
    const { broker, database } = await this.health.check();
    this.brokerUp.set(broker.ok ? 1 : 0);
    this.storeUp.set(database.ok ? 1 : 0);
    return this.registry.metrics();
  }

  received(batch: Batch): void {
    countKinds(this.received_, batch);
  }

  dropped(batch: Batch): void {
    countKinds(this.lost, batch);
  }

  overQuota(batch: Batch): void {
    countKinds(this.excess, batch);
  }

  waiting(messages: number): void {
    this.queue.set(messages);
  }

  committed(batch: Batch, { counts, rejects }: CommitResult, seconds: number): void {
    const nowUs = Date.now() * 1_000;
    this.health.setDatabase('ok');
    this.commits.observe(seconds);
    this.batches.observe(batch.observations.length + batch.rejects.length + batch.reports.length);
    for (const kind of KINDS) {
      const { stored, merged, refused } = counts[kind];
      this.stored.inc({ kind }, stored);
      this.merged.inc({ kind }, merged);
      this.duplicates.inc({ kind }, refused);
    }
    for (const { kind, reason, kept } of rejects) {
      this.rejected.inc({ kind: kindOf(kind), reason });
      if (kept === false) this.notKept.inc();
    }
    for (const { kitId, kind, timeUs, replay, polled } of batch.observations) {
      // Whoever is polled makes no contact of itself: its health comes every 30 s.
      if (polled === true) this.heard(kitId, nowUs);
      // A clock that runs ahead makes no negative ages.
      if (replay !== true) this.ages.observe({ kind }, Math.max(0, nowUs - timeUs) / US_PER_S);
    }
    for (const { kitId, receivers } of batch.reports) {
      if (receivers === undefined) continue;
      this.heard(kitId, nowUs);
      this.brokenRadios.set({ kit: kitId }, receivers.filter(isBroken).length);
    }
    for (const { kitId, atUs, online } of batch.contacts) {
      if (!online) continue;
      this.waits.observe(Math.max(0, nowUs - atUs) / US_PER_S);
      this.heard(kitId, atUs);
    }
  }

  commitFailed(): void {
    this.failures.inc();
  }

  store(state: 'ok' | 'down', why?: string): void {
    this.health.setDatabase(state, why);
  }

  broker(connected: boolean, why?: string): void {
    this.health.setBroker(connected, why);
  }

  sessionLost(): void {
    this.sessions.inc();
  }

  acknowledged(): void {
    this.acks.inc();
  }

  private heard(kit: string, atUs: number): void {
    const latestUs = Math.max(atUs, this.contacts.get(kit) ?? 0);
    this.contacts.delete(kit);
    this.contacts.set(kit, latestUs);
    this.kits.set({ kit }, latestUs / US_PER_S);
    if (this.contacts.size <= MAX_KITS) return;
    for (const quietest of this.contacts.keys()) {
      this.contacts.delete(quietest);
      this.kits.remove({ kit: quietest });
      this.brokenRadios.remove({ kit: quietest });
      return;
    }
  }

  private counter<Label extends string>(name: string, help: string, labelNames: Label[]): Counter<Label> {
    return new Counter({ name: `dragonsink_${name}`, help, labelNames, registers: [this.registry] });
  }

  private gauge<Label extends string>(name: string, help: string, labelNames: Label[]): Gauge<Label> {
    return new Gauge({ name: `dragonsink_${name}`, help, labelNames, registers: [this.registry] });
  }

  private histogram<Label extends string>(
    name: string,
    help: string,
    buckets: number[],
    labelNames: Label[],
  ): Histogram<Label> {
    return new Histogram({ name: `dragonsink_${name}`, help, buckets, labelNames, registers: [this.registry] });
  }
}

function countKinds(counter: Counter<'kind'>, { observations, rejects }: Batch): void {
  for (const { kind } of observations) counter.inc({ kind });
  for (const { kind } of rejects) counter.inc({ kind: kindOf(kind) });
}
