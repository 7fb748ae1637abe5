// Whether DragonSync still pushes what its API shows. Silence alone proves nothing: with nothing in the air it pushes its
// health every 30 s, and on a kit without a monitor not even that.
import type { Logger } from '../base/log.js';
import type { Kind } from '../schema/kinds.js';
import type { SourceState } from './poller.js';

export interface PushWatchOptions {
  /** Somebody is connected who could push. */
  readonly isConnected: () => boolean;
  readonly log: Logger;
  readonly monotonicMs?: () => number;
}

/** DragonSync connects within seconds of its start, and again after a fault within 30 s. */
const CONNECT_MS = 35_000;
/** It repeats what it hears every 2 s: the API may be ahead of it, but not by so much. */
const BEHIND_MS = 15_000;
/** What its sink stops pushing when one drone's text holds a control character; its health goes on. */
const DETECTIONS: ReadonlySet<Kind> = new Set(['drone', 'signal']);

export class PushWatch {
  /** `starting` until there is a reason to say otherwise. */
  state: 'starting' | 'pushing' | 'polling' = 'starting';
  private readonly monotonicMs: () => number;
  private awaySinceMs: number;
  /** When the API showed the first detection that nothing pushed followed; null when none is. */
  private behindSinceMs: number | null = null;

  constructor(private readonly options: PushWatchOptions) {
    this.monotonicMs = options.monotonicMs ?? (() => performance.now());
    this.awaySinceMs = this.monotonicMs();
  }

  /** A message was pushed, news or not. */
  pushed(kind: Kind): void {
    this.awaySinceMs = this.monotonicMs();
    if (DETECTIONS.has(kind)) this.behindSinceMs = null;
    if (this.state === 'pushing' || this.isBehind()) return;
    this.state = 'pushing';
    this.options.log.info('DragonSync pushes over MQTT: its API is asked for the rest alone');
  }

  /** A turn of the poller has ended, in which the API was first to show these. */
  polled(first: readonly Kind[]): void {
    const now = this.monotonicMs();
    if (first.some((kind) => DETECTIONS.has(kind))) this.behindSinceMs ??= now;
    if (this.options.isConnected()) this.awaySinceMs = now;
    const isAway = now - this.awaySinceMs >= CONNECT_MS;
    if (this.state === 'polling' || !(isAway || this.isBehind())) return;
    this.state = 'polling';
    const why = isAway ? 'nobody is connected who pushes' : 'its API shows detections that it does not push';
    this.options.log.warn(`DragonSync pushes nothing (${why}): detections come from its API, every poll`);
  }

  private isBehind(): boolean {
    return this.behindSinceMs !== null && this.monotonicMs() - this.behindSinceMs >= BEHIND_MS;
  }
}

/** How the kit's status puts it: `polling` when DragonSync should push and does not, `api-down` when it does only that. */
export function sourceState(
  polled: SourceState,
  push: PushWatch['state'] | null,
): SourceState | 'polling' | 'api-down' {
  if (polled === 'ok' && push === 'polling') return 'polling';
  if ((polled === 'down' || polled === 'rate-limited') && push === 'pushing') return 'api-down';
  return polled;
}
