// The stream of what the server commits: opened again whenever it breaks, from where it was, so that nothing is missed.
import type { EventData, EventName, News, Tally } from '../schema/web/events.js';
import { Watched } from './watched.js';

export interface LiveState {
  readonly connected: boolean;
  /** Since when it is, or is not, in milliseconds since 1970. */
  readonly sinceMs: number;
}

export interface LiveEvents {
  readonly news: (news: News) => void;
  readonly tally: (tally: Tally) => void;
  /** Something of a kit is new. */
  readonly kit: (kitId: string) => void;
  readonly server: (state: EventData<'server'>) => void;
  /** More was missed than the server still has: what is shown has to be read again. */
  readonly reset: () => void;
}

const RETRY_MS = 2_000;
const HIDDEN_MS = 60_000;

export class Live {
  readonly state = new Watched<LiveState>({ connected: false, sinceMs: Date.now() });
  private source: EventSource | null = null;
  private lastId: string | null = null;
  private readonly listeners: Partial<LiveEvents>[] = [];

  listen(listener: Partial<LiveEvents>): void {
    this.listeners.push(listener);
  }

  /** From now on, but for when nobody looks: a browser opens six connections to a server, for all its windows together. */
  start(): void {
    this.open();
    let hiding: ReturnType<typeof setTimeout> | undefined;
    document.addEventListener('visibilitychange', () => {
      clearTimeout(hiding);
      if (document.hidden) hiding = setTimeout(() => this.close(), HIDDEN_MS);
      else this.open();
    });
  }

  private open(): void {
    if (this.source !== null) return;
    const after = this.lastId === null ? '' : `?after=${encodeURIComponent(this.lastId)}`;
    const source = new EventSource(`/api/events${after}`);
    this.source = source;
    source.addEventListener('open', () => this.say(true));
    // The browser would give up after some answers (a login that ran out, too many pages), and does not say which.
    source.addEventListener('error', () => this.restart());
    this.on(source, 'news', (news, listener) => listener.news?.(news));
    this.on(source, 'tally', (tally, listener) => listener.tally?.(tally));
    this.on(source, 'kit', ({ kit_id }, listener) => listener.kit?.(kit_id));
    this.on(source, 'server', (state, listener) => listener.server?.(state));
    this.on(source, 'reset', (_, listener) => listener.reset?.());
  }

  /** Something else shows that nothing comes any more, though the connection has not said so. */
  restart(): void {
    if (this.source === null) return;
    this.close();
    setTimeout(() => this.open(), RETRY_MS);
  }

  private close(): void {
    this.source?.close();
    this.source = null;
    this.say(false);
  }

  private on<Name extends EventName>(
    source: EventSource,
    name: Name,
    tell: (data: EventData<Name>, listener: Partial<LiveEvents>) => void,
  ): void {
    source.addEventListener(name, (event: MessageEvent<string>) => {
      if (event.lastEventId !== '') this.lastId = event.lastEventId;
      const data = JSON.parse(event.data) as EventData<Name>;
      for (const listener of this.listeners) tell(data, listener);
    });
  }

  private say(connected: boolean): void {
    if (this.state.value.connected !== connected) this.state.set({ connected, sinceMs: Date.now() });
  }
}
