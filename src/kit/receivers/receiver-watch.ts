// Listens to the programs beside DragonSync that publish the health of the kit's radios. None of them has to be there: a
// port that nobody listens on is looked at again now and then, which costs next to nothing.
import { connect } from 'node:net';
import { sleep } from '../../base/backoff.js';
import { toError } from '../../base/errors.js';
import { parseJson } from '../../base/json.js';
import type { Logger } from '../../base/log.js';
import { MAX_RECEIVERS, type Receivers } from '../../schema/receivers.js';
import { readHealth } from './health.js';
import { subscribeZmq, type ZmqSubscription } from './zmq-subscription.js';

export interface ReceiverWatchOptions {
  /** On 127.0.0.1. */
  readonly ports: readonly number[];
  readonly log: Logger;
  /** How often a port that nobody listens on is looked at. */
  readonly lookEveryMs?: number;
  /** Milliseconds of a monotonic clock; a test passes its own. */
  readonly now?: () => number;
}

const LOOK_EVERY_MS = 60_000;
/** Three reports missed. */
const SILENT_AFTER_MS = 95_000;

interface Report {
  readonly receivers: Receivers;
  readonly atMs: number;
}

export class ReceiverWatch {
  private readonly stopping = new AbortController();
  private readonly subscriptions: ZmqSubscription[] = [];
  /** The newest of each port. */
  private readonly reports = new Map<number, Report>();
  private isUnavailable = false;

  constructor(private readonly options: ReceiverWatchOptions) {}

  start(): void {
    for (const port of this.options.ports) void this.watch(port);
  }

  stop(): void {
    this.stopping.abort();
    for (const subscription of this.subscriptions) subscription.close();
  }

  /** Undefined before anything was reported: most kits have no such programs. */
  current(): Receivers | undefined {
    if (this.reports.size === 0) return undefined;
    const all = [...this.reports.values()].flatMap((report) => Object.entries(this.asOfNow(report)));
    return Object.fromEntries(all.slice(0, MAX_RECEIVERS));
  }

  private asOfNow({ receivers, atMs }: Report): Receivers {
    if (this.now() - atMs < SILENT_AFTER_MS) return receivers;
    const silent = Object.entries(receivers).map(([name, receiver]) => {
      return [name, receiver.enabled ? { ...receiver, state: 'silent' } : receiver];
    });
    return Object.fromEntries(silent) as Receivers;
  }

  private async watch(port: number): Promise<void> {
    const { lookEveryMs = LOOK_EVERY_MS, log } = this.options;
    const { signal } = this.stopping;
    while (!signal.aborted && !this.isUnavailable) {
      if (await isOpen(port)) break;
      await sleep(lookEveryMs, signal);
    }
    if (signal.aborted || this.isUnavailable) return;
    const fail = (thrown: unknown): void => {
      if (this.isUnavailable) return;
      this.isUnavailable = true;
      log.warn(`the health of the receivers can't be read: ${toError(thrown).message}`);
    };
    try {
      const subscription = await subscribeZmq(port, (message) => this.take(port, message), fail);
      if (signal.aborted) subscription.close();
      else this.subscriptions.push(subscription);
    } catch (thrown: unknown) {
      fail(thrown);
    }
  }

  private take(port: number, message: Buffer): void {
    const receivers = readHealth(parsed(message));
    if (receivers !== null) this.reports.set(port, { receivers, atMs: this.now() });
  }

  private now(): number {
    return (this.options.now ?? (() => performance.now()))();
  }
}

/** Null for what is no JSON. */
function parsed(message: Buffer): unknown {
  try {
    return parseJson(message.toString());
  } catch {
    return null;
  }
}

function isOpen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
