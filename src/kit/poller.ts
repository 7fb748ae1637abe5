// Asks DragonSync's API in turn, and hands over what it shows; whatever fails, the next turn comes.
import { sleep } from '../base/backoff.js';
import { AppError, toError } from '../base/errors.js';
import type { JsonObject } from '../base/json.js';
import type { Part } from '../base/lifecycle.js';
import type { Logger } from '../base/log.js';
import { Pulse } from '../base/pulse.js';
import { splitTracks } from '../dragonsync/normalise.js';
import type { Heard } from './intake.js';

/** The part of DragonSync's API that is read. */
export interface DragonSyncSource {
  drones(): Promise<JsonObject[]>;
  signals(): Promise<JsonObject[]>;
  /** Null before DragonSync has heard of the kit's health. */
  status(): Promise<JsonObject | null>;
}

export interface PollerOptions {
  readonly source: DragonSyncSource;
  readonly pollMs: number;
  /** Takes one turn's worth; may throw SpoolError. */
  readonly take: (heard: readonly Heard[]) => void;
  readonly onStatus: (status: JsonObject) => void;
  readonly log: Logger;
}

export type SourceState = 'starting' | 'ok' | 'down' | 'rate-limited' | 'spool-full';

/** DragonSync renews it every 30 s; asking more often costs its request budget. */
const STATUS_EVERY_MS = 10_000;
/** Three questions, each with its timeout, and the spool's commit. */
const TURN_MS = 60_000;

export class Poller implements Part {
  readonly name = 'poller';
  state: SourceState = 'starting';
  lastAnswerAtMs: number | null = null;
  /** In the last turn `/drones` answered, whatever else did not: drones and aircraft are heard of. */
  hearsTracks = false;
  /** Late when a turn does not end, or the next one does not begin. */
  readonly pulse = new Pulse();
  private readonly stopping = new AbortController();
  private running: Promise<void> = Promise.resolve();
  private statusDueAt = 0;
  private problems = new Map<string, string>();

  constructor(private readonly options: PollerOptions) {}

  start(): void {
    this.running = this.run();
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.running;
  }

  private async run(): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      const startedAt = performance.now();
      this.pulse.expect(TURN_MS);
      const holdMs = await this.turn();
      const waitMs = Math.max(this.options.pollMs - (performance.now() - startedAt), holdMs, 0);
      this.pulse.expect(waitMs + TURN_MS);
      await sleep(waitMs, signal);
    }
  }

  /** Returns how long DragonSync wants to be left alone, in milliseconds. */
  private async turn(): Promise<number> {
    const { source } = this.options;
    const heard: Heard[] = [];
    let holdMs = 0;
    let hearsTracks = false;
    const ask = async (what: string, question: () => Promise<void>): Promise<void> => {
      if (holdMs > 0) return;
      try {
        await question();
        this.answered(what);
      } catch (thrown: unknown) {
        holdMs = this.failed(what, thrown);
      }
    };
    await ask('/drones', async () => {
      const { drones, aircraft } = splitTracks(await source.drones());
      hearsTracks = true;
      for (const entry of drones) heard.push({ kind: 'drone', entry });
      for (const entry of aircraft) heard.push({ kind: 'aircraft', entry });
    });
    await ask('/signals', async () => {
      for (const entry of await source.signals()) heard.push({ kind: 'signal', entry });
    });
    if (performance.now() >= this.statusDueAt) await ask('/status', () => this.askStatus(heard));
    this.hearsTracks = hearsTracks;
    this.hand(heard);
    this.state = this.judge(holdMs);
    return holdMs;
  }

  private async askStatus(heard: Heard[]): Promise<void> {
    const status = await this.options.source.status();
    this.statusDueAt = performance.now() + STATUS_EVERY_MS;
    if (status === null) return;
    this.options.onStatus(status);
    heard.push({ kind: 'system', entry: status });
  }

  private hand(heard: readonly Heard[]): void {
    try {
      this.options.take(heard);
      this.answered('spool');
    } catch (thrown: unknown) {
      this.say('spool', thrown);
    }
  }

  private answered(what: string): void {
    if (what !== 'spool') this.lastAnswerAtMs = Date.now();
    if (this.problems.delete(what)) this.options.log.info(`${what}: well again`);
  }

  private failed(what: string, thrown: unknown): number {
    this.say(what, thrown);
    return (thrown as { retryAfterMs?: number }).retryAfterMs ?? 0;
  }

  /** Of a whole turn: one path that fails is not hidden by another that answers. */
  private judge(holdMs: number): SourceState {
    if (this.problems.has('spool')) return 'spool-full';
    if (holdMs > 0) return 'rate-limited';
    return this.problems.size > 0 ? 'down' : 'ok';
  }

  /** A problem is said when it begins and when it changes, not at every turn. */
  private say(what: string, thrown: unknown): void {
    const error = toError(thrown);
    const { code, hint } = error instanceof AppError ? error : { code: error.message, hint: undefined };
    if (this.problems.get(what) === code) return;
    this.problems.set(what, code);
    this.options.log.warn({ code, hint }, `${what}: ${error.message}`);
  }
}
