// What of the air is shown: of which kind, heard by whom, and for how long after it was heard last.
import { el } from '../dom.js';
import type { FleetWatch } from '../fleet.js';
import { KitSelect } from '../kit-select.js';
import type { Track, TrackKind } from './tracks.js';

const MINUTE_MS = 60_000;
const WINDOWS_MIN = [1, 5, 15, 60, 360];
const DEFAULT_WINDOW_MIN = 5;
const KINDS: readonly (readonly [TrackKind, string])[] = [
  ['drone', 'Drones'],
  ['aircraft', 'Aircraft'],
  ['signal', 'Signals'],
];

export class Filter {
  private readonly kinds = new Map<TrackKind, HTMLInputElement>();
  private readonly kit: KitSelect;
  private readonly window = el('select', { 'aria-label': 'Heard within' });
  private readonly text = el('input', { type: 'search', placeholder: 'id, text, operator', 'aria-label': 'Find' });
  readonly element: HTMLElement;

  /** `changed`: other things are shown; `reread`: they may not have been read. */
  constructor(fleet: FleetWatch, changed: () => void, reread: () => void) {
    this.kit = new KitSelect(fleet, { 'aria-label': 'Heard by' });
    const boxes = KINDS.map(([kind, words]) => {
      const box = el('input', { type: 'checkbox', checked: true });
      this.kinds.set(kind, box);
      return el('label', { class: 'kind', 'data-kind': kind }, box, words);
    });
    this.window.append(
      ...WINDOWS_MIN.map((minutes) => {
        const words = minutes < 60 ? `${minutes} min` : `${minutes / 60} h`;
        return el('option', { value: minutes, selected: minutes === DEFAULT_WINDOW_MIN }, `last ${words}`);
      }),
    );
    this.element = el(
      'div',
      { class: 'filter', role: 'group', 'aria-label': 'What is shown' },
      ...boxes,
      this.kit.element,
      this.window,
      this.text,
    );
    for (const box of this.kinds.values()) box.addEventListener('change', changed);
    this.text.addEventListener('input', changed);
    this.kit.element.addEventListener('change', changed);
    this.window.addEventListener('change', reread);
  }

  get windowMs(): number {
    return Number(this.window.value) * MINUTE_MS;
  }

  get kitId(): string | null {
    return this.kit.kitId;
  }

  chooseKit(kitId: string): void {
    this.kit.choose(kitId);
  }

  lets(track: Track): boolean {
    if (this.kinds.get(track.kind)?.checked !== true) return false;
    const { kitId } = this;
    if (kitId !== null && !track.heard.has(kitId)) return false;
    const wanted = this.text.value.trim().toLowerCase();
    return wanted === '' || textOf(track).includes(wanted);
  }
}

/** What one may look for. */
function textOf({ id, present }: Track): string {
  const { description, operator_id, mac, caa_id, rid_make, rid_model } = present?.fields ?? {};
  return [id, description, operator_id, mac, caa_id, rid_make, rid_model].join(' ').toLowerCase();
}
