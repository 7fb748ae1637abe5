// The map as a list: the same things, for the keyboard, for a screen reader, and for whoever looks for a name.
import { button, el, foreign, setAttributes, setChildren, setText } from '../dom.js';
import { ago, number } from '../format.js';
import type { Track } from './tracks.js';
import { fromNearest, type Landmark } from './whereabouts.js';

/** More lines than that nobody reads, and a browser lays them all out. */
const MAX_LINES = 100;
/** What one looks for first; a busy sky does not push the one drone out. */
const KINDS = ['drone', 'signal', 'aircraft'] as const;

interface Line {
  readonly item: HTMLLIElement;
  readonly button: HTMLButtonElement;
  readonly what: HTMLElement;
  readonly when: HTMLElement;
}

export class TrackList {
  private readonly lines = new Map<string, Line>();
  private readonly summary = el('p', { class: 'summary' });
  private readonly more = el(
    'p',
    { class: 'summary', hidden: true },
    `The ${MAX_LINES} latest are listed, drones first.`,
  );
  private readonly list = el('ul', { class: 'tracks', 'aria-label': 'Heard' });
  private readonly unhide: HTMLButtonElement;
  readonly element: HTMLElement;

  constructor(
    private readonly select: (key: string) => void,
    showAll: () => void,
  ) {
    this.unhide = button('Clear the filter', showAll, { hidden: true });
    this.element = el('div', { class: 'list' }, this.summary, this.unhide, this.list, this.more);
  }

  /** What it is a list of, and whether a filter hides some of that. */
  say(words: string, isCut: boolean): void {
    setText(this.summary, words);
    setAttributes(this.unhide, { hidden: !isCut });
  }

  /** Drones first, and of each kind the newest. */
  show(tracks: readonly Track[], landmarks: readonly Landmark[], selected: string | null, nowMs: number): void {
    const newest = [...tracks].sort((one, other) => {
      return rank(one) - rank(other) || other.lastMs - one.lastMs || (one.key < other.key ? -1 : 1);
    });
    const shown = newest.slice(0, MAX_LINES);
    const keys = new Set(shown.map(({ key }) => key));
    for (const key of this.lines.keys()) if (!keys.has(key)) this.lines.delete(key);
    // A list that changes its order every second can be neither clicked nor read: what is there stays in its place.
    const listed = new Map(shown.map((track) => [this.lines.get(track.key)?.item, track]));
    const known = [...this.list.children].flatMap((item) => listed.get(item as HTMLLIElement) ?? []);
    const isKnown = new Set(known);
    const fresh = shown.filter((track) => !isKnown.has(track));
    const ordered = [...fresh, ...known].sort((one, other) => rank(one) - rank(other));
    setChildren(
      this.list,
      ordered.map((track) => this.line(track, landmarks, selected, nowMs)),
    );
    this.more.hidden = tracks.length <= MAX_LINES;
  }

  private line(track: Track, landmarks: readonly Landmark[], selected: string | null, nowMs: number): HTMLElement {
    const line = this.lines.get(track.key) ?? this.make(track);
    this.lines.set(track.key, line);
    setText(line.what, wordsOf(track, landmarks));
    setText(line.when, ago(track.lastMs, nowMs));
    setAttributes(line.button, { 'aria-pressed': String(track.key === selected) });
    return line.item;
  }

  private make({ key, kind, id, present }: Track): Line {
    const what = el('span', { class: 'what' });
    const when = el('span', { class: 'when' });
    const choose = el(
      'button',
      { type: 'button', class: 'track', 'data-kind': kind },
      el('span', { class: 'mark', 'aria-hidden': 'true' }),
      el('span', { class: 'label' }, foreign(present?.label ?? id)),
      when,
      what,
    );
    choose.addEventListener('click', () => this.select(key));
    return { item: el('li', {}, choose), button: choose, what, when };
  }
}

function rank({ kind }: Track): number {
  return KINDS.indexOf(kind);
}

function wordsOf({ kind, present, heard }: Track, landmarks: readonly Landmark[]): string {
  const kits = heard.size === 1 ? '1 kit' : `${heard.size} kits`;
  const { place = null, fields = {} } = present ?? {};
  const { alt, speed }: Readonly<Record<string, unknown>> = fields;
  const facts = [
    // A signal stands where the kit stands that heard it.
    place === null || kind === 'signal' ? null : fromNearest(place, landmarks),
    typeof alt === 'number' && kind !== 'signal' ? number(alt, 0, 'm high') : null,
    typeof speed === 'number' ? number(speed, 0, 'm/s') : null,
  ];
  const past = present?.replay === true ? 'only replayed' : null;
  return [kind, past, ...facts, kits].filter((one) => one !== null).join(', ');
}
