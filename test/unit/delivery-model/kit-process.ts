// A kit's process on the real code: what it hears it accepts, and its publisher and its reporter talk to a simulated link.
import { setMaxListeners } from 'node:events';
import type { Logger } from '../../../src/base/log.js';
import type { Delivery } from '../../../src/kit/delivery.js';
import { type Heard, Intake } from '../../../src/kit/intake.js';
import { Publisher } from '../../../src/kit/publisher.js';
import { buildCondition, ledgerOf } from '../../../src/kit/status.js';
import { StatusReporter } from '../../../src/kit/status-reporter.js';
import type { Wire } from '../../../src/kit/wires.js';
import { perKind } from '../../../src/schema/kinds.js';
import { DEFAULT_TOPICS } from '../../../src/schema/topics.js';
import type { Spool } from '../../../src/spool/spool.js';
import type { Broker, KitLink, LinkLimits } from './broker.js';
import { SendingWatch } from './sending-watch.js';
import type { VirtualTime } from './virtual-time.js';
import { type Crash, WatchedSpool } from './watched-spool.js';
import type { KitPlace } from './world.js';

export interface KitSettings extends LinkLimits {
  readonly delivery: Delivery;
  readonly wire: Wire;
  readonly qos: 0 | 1;
  readonly drainRateKbps: number;
}

const FLUSH_MS = 3_000;
const FRAME_MS = 250;
const SILENT: Logger = { debug() {}, info() {}, warn() {}, error() {}, child: () => SILENT };

export class KitProcess {
  readonly publisher: Publisher;
  private readonly watched: WatchedSpool;
  private readonly intake: Intake;
  private readonly reporter: StatusReporter;
  private readonly stopping = new AbortController();
  private link: KitLink | null = null;
  private sending: SendingWatch | null = null;
  private connections = 0;

  constructor(
    private readonly kitId: string,
    private readonly place: KitPlace,
    private readonly settings: KitSettings,
    private readonly broker: Broker,
    private readonly time: VirtualTime,
  ) {
    const { delivery, wire, qos, drainRateKbps } = settings;
    // A flapping link leaves one for each of its connections, until the time that it waited for is over.
    setMaxListeners(0, this.stopping.signal);
    this.watched = new WatchedSpool(place.disk, place.book, () => this.link?.abandon());
    const { spool } = this.watched;
    const onSpoolError = (error: Error): void => place.outside.fail(`the spool fails: ${error.message}`);
    spool.setKitId(kitId);
    this.intake = new Intake({ spool, aircraftIntervalMs: 0, log: SILENT });
    this.reporter = new StatusReporter({
      condition: () =>
        buildCondition(spool, {
          opening: spool.opening,
          n: this.reporter.n,
          kitId,
          nowMs: Date.now(),
          clock: { offsetS: null, uncorrectedS: 0, uncorrectedEpochs: [], waitsForS: 0 },
          resent: this.publisher.counts.resent,
          refused: this.intake.refused,
          link: { connected: this.isLinked, reconnects: Math.max(0, this.connections - 1) },
          source: { state: 'up' },
        }),
      ledger: () => ledgerOf(spool.ledger()),
      onSpoolError,
      log: SILENT,
    });
    this.publisher = new Publisher({
      spool,
      outgoing: { topics: DEFAULT_TOPICS, qos: perKind(() => qos) },
      delivery,
      wires: { wire, replay: 'auto', frameMs: FRAME_MS },
      drainRateKbps,
      onHello: (hello) => this.reporter.hello(hello),
      onSpoolError,
      log: SILENT,
    });
  }

  get isAlive(): boolean {
    return this.watched.isAlive;
  }

  get isLinked(): boolean {
    return this.link?.isOpen === true;
  }

  get spool(): Spool {
    return this.watched.spool;
  }

  /** What DragonSync shows now. */
  offer(heard: readonly Heard[]): void {
    try {
      this.intake.take(heard);
    } catch (error: unknown) {
      // Refused by policy: nothing was accepted, and it is offered again.
      if ((error as { code?: string }).code !== 'full') throw error;
    }
    this.publisher.wake();
  }

  async connect(limits: Partial<LinkLimits> = {}): Promise<void> {
    if (this.isLinked) return;
    await this.time.settle(); // the connection before has ended
    this.sending = new SendingWatch(this, this.place);
    const link = this.broker.connect({ ...this.settings, ...limits }, this.sending);
    this.link = link;
    this.connections += 1;
    void this.use(link);
    await this.time.settle();
  }

  private async use(link: KitLink): Promise<void> {
    try {
      await this.publisher.listen(link.asMqttLink, this.kitId);
      this.reporter.begin(link.asMqttLink, this.kitId);
      await this.publisher.run(link.asMqttLink, this.kitId, this.stopping.signal, FLUSH_MS);
      await this.reporter.end();
    } catch (error: unknown) {
      this.place.outside.fail(`the kit's sending failed: ${String(error)}`);
    }
  }

  gone(identities: readonly string[], isAcknowledged: boolean): void {
    this.sending?.gone(identities, isAcknowledged);
  }

  /** At one of the next writes to its spool. */
  crashAt(crash: Crash): void {
    this.watched.arm(crash);
  }

  disarm(): void {
    this.watched.disarm();
  }

  crash(): void {
    this.watched.die();
  }

  /** Politely; what is on its way has the time to arrive. */
  async stop(flow: () => Promise<void>): Promise<void> {
    this.stopping.abort();
    await this.time.settle();
    await flow();
    await this.time.advance(FLUSH_MS);
    this.link?.close();
    await this.time.settle();
    this.crash();
  }

  /** Back in the queue, by `dragonsink spool retry`. */
  retry(ids: readonly number[]): void {
    this.sending?.restarts();
    if (this.spool.retry(ids) > 0) this.publisher.restart();
  }
}
