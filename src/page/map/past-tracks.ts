// What was in the air at a moment of the past, as the database has it by now: replays included.
import { type Api, isAborted, toMessage } from '../api.js';
import { addTrack, signalSighting } from './sightings.js';
import { Tracks } from './tracks.js';

/** Somebody drags: only where they stop is asked for. */
const SETTLED_MS = 120;

export class PastTracks {
  tracks = new Tracks();
  problem: string | null = null;
  private asking: AbortController | null = null;
  private timer: ReturnType<typeof setTimeout> | null = null;

  constructor(
    private readonly api: Api,
    private readonly changed: () => void,
  ) {}

  /** What was heard in the `windowMs` before `atMs`. */
  goTo(atMs: number, windowMs: number): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.read(atMs, windowMs), SETTLED_MS);
  }

  leave(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.asking?.abort();
    this.tracks = new Tracks();
  }

  private async read(atMs: number, windowMs: number): Promise<void> {
    this.asking?.abort();
    const asking = new AbortController();
    this.asking = asking;
    const range = { from: atMs - windowMs, to: atMs };
    try {
      const [{ tracks }, { signals }] = await Promise.all([
        this.api.tracks({ ...range, path: 120, limit: 500 }, asking.signal),
        this.api.signals({ ...range, limit: 500 }, asking.signal),
      ]);
      const then = new Tracks();
      for (const track of tracks) addTrack(then, track);
      for (const signal of signals) then.add(signalSighting(signal, false));
      this.tracks = then;
      this.problem = null;
    } catch (thrown: unknown) {
      if (isAborted(thrown)) return;
      this.problem = toMessage(thrown);
    }
    this.changed();
  }
}
