// Whether the server answers, and how its broker and its database do: the stream says what changes, and a question every
// few seconds finds out when neither the stream nor the network says that nothing comes any more.
import type { HealthAnswer, SideAnswer } from '../schema/web/answers.js';
import { type Api, ApiError } from './api.js';
import type { Live } from './live.js';
import type { ServerClock } from './server-clock.js';
import { Watched } from './watched.js';

export interface ServerView {
  /** False: nothing that is shown is of now. */
  readonly answers: boolean;
  /** Since when it has not answered, in milliseconds since 1970. */
  readonly silentSinceMs: number | null;
  readonly broker: SideAnswer | null;
  readonly database: SideAnswer | null;
  readonly health: HealthAnswer | null;
}

const EVERY_MS = 10_000;

export class ServerWatch {
  readonly view = new Watched<ServerView>({
    answers: true,
    silentSinceMs: null,
    broker: null,
    database: null,
    health: null,
  });

  constructor(
    private readonly api: Api,
    private readonly live: Live,
    private readonly clock: ServerClock,
  ) {}

  start(): void {
    this.live.listen({
      server: ({ broker, database }) => this.view.set({ ...this.view.value, broker, database }),
    });
    this.live.state.watch(() => void this.ask());
    setInterval(() => void this.ask(), EVERY_MS);
  }

  async ask(): Promise<void> {
    try {
      const health = await this.api.health();
      this.clock.set(Date.parse(health.time));
      const { broker, database } = health;
      this.view.set({ answers: true, silentSinceMs: null, broker, database, health });
    } catch (thrown: unknown) {
      if (thrown instanceof ApiError && thrown.code !== 'away') return;
      const { silentSinceMs } = this.view.value;
      this.view.set({ ...this.view.value, answers: false, silentSinceMs: silentSinceMs ?? Date.now() });
      this.live.restart();
    }
  }
}
