// Which kits are polled, by the kits table: those that are enabled and have an `api_url`, each by one server at a time.
// The table is read again and again, so that a change of it needs no restart.
import { within } from '../../base/abort.js';
import { sleep } from '../../base/backoff.js';
import { toError } from '../../base/errors.js';
import type { Part } from '../../base/lifecycle.js';
import type { Logger } from '../../base/log.js';
import { DragonSyncApi } from '../../dragonsync/api-client.js';
import type { TopicNames } from '../../schema/topics.js';
import type { Batcher } from '../batcher.js';
import type { Decoder } from '../decode.js';
import type { Kit, Kits } from '../kits.js';
import { Answers } from './answers.js';
import { KitPoller, type PollTimes } from './kit-poller.js';

export interface PollersOptions {
  readonly kits: Kits;
  readonly serverId: string;
  readonly topics: TopicNames;
  readonly decoder: Pick<Decoder, 'decode'>;
  readonly batcher: Pick<Batcher, 'add'>;
  readonly log: Logger;
  readonly times?: PollTimes;
  readonly refreshMs?: number;
}

/** As the guide's HTTP method has them. */
export const TIMES: PollTimes = { pollMs: 5_000, statusMs: 30_000, awayMs: 60_000 };
const REFRESH_MS = 30_000;
/** Renewed at every reading; a server that dies holds its kits for so long. */
const LEASE_REFRESHES = 3;
/** With `kits` locked each statement hangs for half a minute: the rest of the server's stop needs its time. */
const LEAVE_WITHIN_MS = 2_000;
/** On the kit itself a budget of its own, beside that of `dragonsink kit` (127.0.0.88). */
const LOCAL_ADDRESS = '127.0.0.89';

export class Pollers implements Part {
  readonly name = 'pollers';
  private readonly polled = new Map<string, { readonly apiUrl: string; readonly poller: KitPoller }>();
  private readonly stopping = new AbortController();
  private running: Promise<void> = Promise.resolve();
  private isFailing = false;

  constructor(private readonly options: PollersOptions) {}

  start(): void {
    this.running = this.run();
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await within(LEAVE_WITHIN_MS, this.leave());
  }

  private async leave(): Promise<void> {
    await this.running;
    const kitIds = [...this.polled.keys()];
    await Promise.all(kitIds.map((kitId) => this.end(kitId)));
    const { kits, serverId } = this.options;
    // Another server may go on at once; without this it waits until the lease is over.
    if (kitIds.length > 0) await kits.lease(kitIds, serverId, nowUs(), nowUs()).catch(() => {});
  }

  private async run(): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      await this.refresh();
      await sleep(this.refreshMs, signal);
    }
  }

  private get refreshMs(): number {
    return this.options.refreshMs ?? REFRESH_MS;
  }

  private async refresh(): Promise<void> {
    const { kits, serverId, log } = this.options;
    try {
      const wanted = new Map<string, string>();
      for (const { kitId, enabled, apiUrl } of await kits.list()) {
        if (enabled && apiUrl !== null && apiUrl !== '') wanted.set(kitId, apiUrl);
      }
      const untilUs = nowUs() + LEASE_REFRESHES * this.refreshMs * 1_000;
      const held = wanted.size === 0 ? [] : await kits.lease([...wanted.keys()], serverId, nowUs(), untilUs);
      await this.follow(new Map(held.map((kitId) => [kitId, wanted.get(kitId) ?? ''])));
      this.isFailing = false;
    } catch (thrown: unknown) {
      // The pollers that run go on: what they hear waits for the database.
      if (!this.isFailing) log.warn(`the kits table could not be read: ${toError(thrown).message}; trying again`);
      this.isFailing = true;
    }
  }

  private async follow(wanted: ReadonlyMap<string, string>): Promise<void> {
    for (const [kitId, { apiUrl }] of [...this.polled]) if (wanted.get(kitId) !== apiUrl) await this.end(kitId);
    for (const [kitId, apiUrl] of wanted) if (!this.polled.has(kitId)) await this.begin(kitId, apiUrl);
  }

  private async begin(kitId: string, apiUrl: string): Promise<void> {
    const { kits, batcher, decoder, topics, times = TIMES, log } = this.options;
    if (!isHttpUrl(apiUrl)) {
      log.warn({ kitId }, `api_url ${JSON.stringify(apiUrl)} is no http:// or https:// URL`);
      await kits.failed(kitId, 'error', nowUs());
      return;
    }
    const source = new DragonSyncApi({ baseUrl: apiUrl, localAddress: LOCAL_ADDRESS });
    const answers = new Answers({ kitId, apiUrl, topics, decoder });
    log.info({ kitId, apiUrl }, 'polling');
    this.polled.set(kitId, {
      apiUrl,
      poller: new KitPoller({ kitId, source, answers, batcher, kits, times, log }),
    });
  }

  private async end(kitId: string): Promise<void> {
    const polled = this.polled.get(kitId);
    this.polled.delete(kitId);
    await polled?.poller.stop();
    this.options.log.info({ kitId }, 'no longer polling');
  }
}

/** What a kit's `api_url` must be. */
function isHttpUrl(text: Kit['apiUrl']): boolean {
  return text !== null && URL.canParse(text) && /^https?:$/.test(new URL(text).protocol);
}

function nowUs(): number {
  return Date.now() * 1_000;
}
