// The kits as the server tells of them: read again when it says that one has changed, and every now and then anyway.
import type { Kit, KitList } from '../schema/web/answers.js';
import type { Item } from '../schema/web/events.js';
import { type Api, toMessage } from './api.js';
import type { Live } from './live.js';
import { Watched } from './watched.js';

export interface Fleet {
  readonly kits: readonly Kit[];
  /** When the server read it from its database; null when it never could. */
  readonly asOfMs: number | null;
  /** Why it could not be read the last time; null when it could. */
  readonly problem: string | null;
  readonly loaded: boolean;
}

/** Each asks for all kits: many pages are open, and many kits speak. */
const SOONEST_MS = 3_000;
const LATEST_MS = 20_000;

export class FleetWatch {
  readonly fleet = new Watched<Fleet>({ kits: [], asOfMs: null, problem: null, loaded: false });
  /** By the stream, since the list was read: kits speak more often than that. In milliseconds since 1970. */
  readonly heard = new Map<string, number>();
  private timer: ReturnType<typeof setTimeout> | null = null;
  private readAtMs = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly api: Api,
    private readonly live: Live,
  ) {}

  start(): void {
    this.live.listen({
      kit: () => this.readSoon(),
      reset: () => this.readSoon(),
      news: ({ messages, at }) => {
        for (const item of messages) if (!item.late) this.heard.set(kitOf(item), at);
        if (messages.some((item) => !this.knows(kitOf(item)))) this.readSoon();
      },
    });
    this.live.state.watch(({ connected }) => {
      if (connected) this.readSoon();
    });
    document.addEventListener('visibilitychange', () => this.readSoon());
    void this.read();
  }

  /** What an action answered, at once; the list follows. */
  changed(kit: Kit): void {
    const { fleet } = this;
    const others = fleet.value.kits.filter(({ kit_id }) => kit_id !== kit.kit_id);
    const known = fleet.value.kits.length !== others.length;
    const kits = known ? fleet.value.kits.map((one) => (one.kit_id === kit.kit_id ? kit : one)) : [...others, kit];
    fleet.set({ ...fleet.value, kits });
    this.readSoon();
  }

  removed(kitId: string): void {
    const { fleet } = this;
    fleet.set({ ...fleet.value, kits: fleet.value.kits.filter(({ kit_id }) => kit_id !== kitId) });
    this.readSoon();
  }

  private knows(kitId: string): boolean {
    return this.fleet.value.kits.some(({ kit_id }) => kit_id === kitId);
  }

  private readSoon(): void {
    // Nobody looks at it.
    if (document.hidden) return;
    this.schedule(Math.max(0, this.readAtMs + SOONEST_MS - performance.now()));
  }

  private schedule(ms: number): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.read(), ms);
  }

  private async read(): Promise<void> {
    this.readAtMs = performance.now();
    try {
      const list = await this.api.kits();
      this.heard.clear();
      this.fleet.set(fleetOf(list));
    } catch (thrown: unknown) {
      this.fleet.set({ ...this.fleet.value, problem: toMessage(thrown) });
    }
    if (!document.hidden) this.schedule(LATEST_MS);
  }
}

function kitOf(item: Item): string {
  if (item.kind === 'system') return item.kit_id;
  return item.kind === 'signal' ? item.signal.kit_id : item.state.kit_id;
}

function fleetOf({ kits, as_of, database }: KitList): Fleet {
  const problem = database.ok ? null : (database.problem ?? 'the database is away');
  return { kits, asOfMs: as_of === null ? null : Date.parse(as_of), problem, loaded: true };
}
