// The list of kits: those with a problem first, as the server sorts them.
import type { Kit } from '../../schema/web/answers.js';
import { button, el, labelled, setChildren, setText } from '../dom.js';
import type { Fleet } from '../fleet.js';
import { plural } from '../format.js';
import type { View } from '../view.js';
import type { KitDialogs } from './kit-dialogs.js';
import { KitRow } from './kit-row.js';

export class KitsView implements View {
  private readonly rows = new Map<string, KitRow>();
  private readonly summary = el('p', { class: 'summary', role: 'status' });
  private readonly filter = el('input', { type: 'search', placeholder: 'name, id or location' });
  private readonly list = el('ul', { class: 'kits', 'aria-label': 'Kits' });
  private readonly empty = el('p', { class: 'empty', hidden: true });
  private fleet: Fleet = { kits: [], asOfMs: null, problem: null, loaded: false };
  private isLive = true;
  readonly element: HTMLElement;

  constructor(
    private readonly dialogs: KitDialogs,
    /** Kits that were heard since the list was read. */
    private readonly heard: ReadonlyMap<string, number>,
    private readonly nowMs: () => number,
  ) {
    const add = button('Add HTTP kit…', () => this.dialogs.add(), { class: 'primary' });
    const tools = el('div', { class: 'tools' }, this.summary, labelled('Find kits', this.filter), add);
    this.element = el(
      'section',
      { 'aria-labelledby': 'kits-title' },
      el('h1', { id: 'kits-title' }, 'Kits'),
      tools,
      this.empty,
      this.list,
    );
    this.filter.addEventListener('input', () => this.render());
  }

  show(fleet: Fleet, isLive: boolean): void {
    this.fleet = fleet;
    this.isLive = isLive && fleet.problem === null;
    this.render();
  }

  /** `#/kits?kit=…`: one that somebody comes for. */
  shown(query: URLSearchParams): void {
    const row = this.rows.get(query.get('kit') ?? '');
    if (row === undefined) return;
    row.open(true);
    row.element.scrollIntoView({ block: 'nearest' });
  }

  tick(): void {
    const nowMs = this.nowMs();
    for (const [id, row] of this.rows) row.tick(nowMs, this.heard.get(id));
  }

  private render(): void {
    const { kits, loaded, problem } = this.fleet;
    const wanted = this.filter.value.trim().toLowerCase();
    const shown = kits.filter((kit) => matches(kit, wanted));
    const nowMs = this.nowMs();
    for (const id of this.rows.keys()) if (!kits.some(({ kit_id }) => kit_id === id)) this.rows.delete(id);
    const rows = shown.map((kit) => {
      const row = this.rows.get(kit.kit_id) ?? new KitRow(kit, this.dialogs);
      this.rows.set(kit.kit_id, row);
      row.show(kit, nowMs, this.isLive);
      return row.element;
    });
    setChildren(this.list, rows);
    setText(this.summary, summaryOf(kits, this.isLive));
    this.empty.hidden = shown.length > 0;
    setText(this.empty, emptyWords(loaded, problem, kits.length));
  }
}

function matches({ kit_id, name, location }: Kit, wanted: string): boolean {
  return [kit_id, name ?? '', location ?? ''].some((text) => text.toLowerCase().includes(wanted));
}

function summaryOf(kits: readonly Kit[], isLive: boolean): string {
  if (kits.length === 0) return '';
  const states = (['online', 'stale', 'offline'] as const)
    .map((state) => [kits.filter((kit) => kit.state === state).length, state] as const)
    .filter(([n]) => n > 0)
    .map(([n, state]) => `${n} ${state}`);
  const troubled = kits.filter(({ problems }) => problems.length > 0).length;
  const known = `${plural(kits.length, 'kit')}: ${states.join(', ')}`;
  // That nothing is wrong only news can say.
  if (troubled === 0) return isLive ? `${known}; none needs you` : known;
  return `${known}; ${troubled} ${troubled === 1 ? 'needs' : 'need'} you`;
}

function emptyWords(loaded: boolean, problem: string | null, kits: number): string {
  if (!loaded) return problem ?? 'Reading the list…';
  if (kits > 0) return `None of the ${plural(kits, 'kit')} has that in its name, id or location.`;
  return (
    problem ?? 'No kit yet. One appears here with its first message over MQTT; one that is asked over HTTP you add.'
  );
}
