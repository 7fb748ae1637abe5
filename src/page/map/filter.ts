// What of the air is shown: of which kind, heard by whom, for how long after it was heard last, and whether with trails.
import { button, el, labelled, setAttributes } from '../dom.js';
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
  private readonly trails = el('input', { type: 'checkbox', checked: true });
  private readonly kit: KitSelect;
  private readonly window = el('select', {});
  private readonly text = el('input', { type: 'search', placeholder: 'id, text, operator' });
  private readonly controls: HTMLElement;
  /** On a phone the map comes first, and this only when it is asked for. */
  private readonly toggle = button('Filter', () => this.open(this.toggle.getAttribute('aria-expanded') === 'false'), {
    class: 'filter-toggle',
    'aria-expanded': 'false',
  });
  readonly element: HTMLElement;

  /** `changed`: other things are shown; `reread`: they may not have been read. */
  constructor(
    fleet: FleetWatch,
    private readonly changed: () => void,
    reread: () => void,
  ) {
    this.kit = new KitSelect(fleet, {});
    for (const [kind] of KINDS) this.kinds.set(kind, el('input', { type: 'checkbox', checked: true }));
    this.window.append(
      ...WINDOWS_MIN.map((minutes) => {
        return el(
          'option',
          { value: minutes, selected: minutes === DEFAULT_WINDOW_MIN },
          `last ${windowWords(minutes)}`,
        );
      }),
    );
    const boxes = KINDS.map(([kind, words]) => el('label', { class: 'kind' }, this.kinds.get(kind) ?? null, words));
    this.controls = el(
      'div',
      { class: 'filter', role: 'group', 'aria-label': 'What is shown' },
      ...boxes,
      el('label', { class: 'kind' }, this.trails, 'Trails'),
      labelled('Heard by', this.kit.element),
      labelled('Heard within', this.window),
      labelled('Find', this.text),
    );
    this.element = el('div', { class: 'filter-box' }, this.toggle, this.controls);
    for (const box of [...this.kinds.values(), this.trails]) box.addEventListener('change', changed);
    this.text.addEventListener('input', changed);
    this.kit.element.addEventListener('change', changed);
    this.window.addEventListener('change', reread);
  }

  get windowMs(): number {
    return Number(this.window.value) * MINUTE_MS;
  }

  /** `5 min`, `1 h`. */
  get windowWords(): string {
    return windowWords(Number(this.window.value));
  }

  get showsTrails(): boolean {
    return this.trails.checked;
  }

  /** Hides nothing any more. */
  clear(): void {
    for (const box of this.kinds.values()) box.checked = true;
    this.kit.choose('');
    this.text.value = '';
    this.changed();
  }

  lets(track: Track): boolean {
    if (this.kinds.get(track.kind)?.checked !== true) return false;
    const { kitId } = this.kit;
    if (kitId !== null && !track.heard.has(kitId)) return false;
    const wanted = this.text.value.trim().toLowerCase();
    return wanted === '' || textOf(track).includes(wanted);
  }

  private open(isOpen: boolean): void {
    setAttributes(this.toggle, { 'aria-expanded': String(isOpen) });
    setAttributes(this.controls, { 'data-open': isOpen });
  }
}

function windowWords(minutes: number): string {
  return minutes < 60 ? `${minutes} min` : `${minutes / 60} h`;
}

/** What one may look for. */
function textOf({ id, present }: Track): string {
  const { description, operator_id, mac, caa_id, rid_make, rid_model } = present?.fields ?? {};
  return [id, description, operator_id, mac, caa_id, rid_make, rid_model].join(' ').toLowerCase();
}
