// What was in the air at a moment of the past, as the database has it by now: replays included.
import { type Api, isAborted, toMessage } from '../api.js';
import { addTrack, signalSighting } from './sightings.js';
import { readSnapshot } from './snapshot.js';
import { Tracks } from './tracks.js';

/** Somebody drags: only where they stop is asked for. */
const SETTLED_MS = 120;
const PATH_POINTS = 120;

export class PastTracks {
  tracks = new Tracks();
  problem: string | null = null;
  /** What one answer did not have room for. */
  cut = '';
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
      const { tracks, signals, cut } = await readSnapshot(this.api, range, PATH_POINTS, asking.signal);
      const then = new Tracks();
      // Of the past, the newest that is known by now.
      for (const track of tracks) addTrack(then, { ...track, late: false });
      for (const signal of signals) then.add(signalSighting(signal, false));
      this.tracks = then;
      this.cut = cut;
      this.problem = null;
    } catch (thrown: unknown) {
      if (isAborted(thrown)) return;
      this.problem = toMessage(thrown);
    }
    this.changed();
  }
}
