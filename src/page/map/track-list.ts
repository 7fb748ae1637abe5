// The map as a list: the same things, for the keyboard, for a screen reader, and for whoever looks for a name.
import { el, foreign, setAttributes, setChildren, setText } from '../dom.js';
import { ago, count, number } from '../format.js';
import type { Track } from './tracks.js';

/** More lines than that nobody reads, and a browser lays them all out. */
const MAX_LINES = 100;
const KIND_WORDS = { drone: 'drone', aircraft: 'aircraft', signal: 'signal' } as const;

interface Line {
  readonly item: HTMLLIElement;
  readonly button: HTMLButtonElement;
  readonly what: HTMLElement;
  readonly when: HTMLElement;
}

export class TrackList {
  private readonly lines = new Map<string, Line>();
  private readonly summary = el('p', { class: 'summary' });
  private readonly list = el('ul', { class: 'tracks', 'aria-label': 'Heard' });
  readonly element = el('div', { class: 'list' }, this.summary, this.list);

  constructor(private readonly select: (key: string) => void) {}

  /** The newest first. */
  show(tracks: readonly Track[], selected: string | null, nowMs: number): void {
    const newest = [...tracks].sort((one, other) => other.lastMs - one.lastMs || (one.key < other.key ? -1 : 1));
    const shown = newest.slice(0, MAX_LINES);
    const keys = new Set(shown.map(({ key }) => key));
    for (const key of this.lines.keys()) if (!keys.has(key)) this.lines.delete(key);
    // A list that changes its order every second can be neither clicked nor read: what is there stays in its place.
    const known = [...this.list.children].flatMap((item) =>
      shown.filter(({ key }) => this.lines.get(key)?.item === item),
    );
    const fresh = shown.filter((track) => !known.includes(track));
    setChildren(
      this.list,
      [...fresh, ...known].map((track) => this.line(track, selected, nowMs)),
    );
    setText(this.summary, summaryOf(tracks.length));
  }

  private line(track: Track, selected: string | null, nowMs: number): HTMLElement {
    const line = this.lines.get(track.key) ?? this.make(track);
    this.lines.set(track.key, line);
    setText(line.what, wordsOf(track));
    setText(line.when, ago(track.lastMs, nowMs));
    setAttributes(line.button, { 'aria-pressed': String(track.key === selected) });
    return line.item;
  }

  private make({ key, kind, id, present }: Track): Line {
    const what = el('span', { class: 'what' });
    const when = el('span', { class: 'when' });
    const button = el(
      'button',
      { type: 'button', class: 'track', 'data-kind': kind },
      el('span', { class: 'mark', 'aria-hidden': 'true' }),
      el('span', { class: 'label' }, foreign(present?.label ?? id)),
      when,
      what,
    );
    button.addEventListener('click', () => this.select(key));
    return { item: el('li', {}, button), button, what, when };
  }
}

function summaryOf(n: number): string {
  if (n === 0) return 'Nothing was heard.';
  return n <= MAX_LINES ? `${count(n)} heard` : `${count(n)} heard; the ${MAX_LINES} latest are listed`;
}

function wordsOf({ kind, present, heard }: Track): string {
  const kits = heard.size === 1 ? '1 kit' : `${heard.size} kits`;
  const { alt, speed } = present?.fields ?? {};
  const facts = [
    typeof alt === 'number' ? number(alt, 0, 'm') : null,
    typeof speed === 'number' ? number(speed, 0, 'm/s') : null,
  ];
  const past = present?.replay === true ? 'only replayed' : null;
  return [KIND_WORDS[kind], past, ...facts, kits].filter((one) => one !== null).join(', ');
}
