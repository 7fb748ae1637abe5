// All that is known of one thing: who heard it, the strongest first, and every field that came.
import { button, el, foreign, setAttributes } from '../dom.js';
import { type Fact, FactList } from '../facts.js';
import { ago, clock, number, position } from '../format.js';
import { type Heard, strongestFirst, type Track } from './tracks.js';
import { fromNearest, type Landmark } from './whereabouts.js';

export interface DetailsActions {
  readonly close: () => void;
  readonly follow: () => void;
  readonly centre: () => void;
}

/** In this order, with a unit where there is one; what else came follows by the name it came with. */
const NAMES: readonly (readonly [field: string, name: string, unit?: string, digits?: number])[] = [
  ['description', 'description'],
  ['alt', 'altitude', 'm', 0],
  ['height', 'height', 'm', 0],
  ['height_type', 'height is'],
  ['pressure_altitude', 'pressure altitude', 'm', 0],
  ['speed', 'speed', 'm/s', 1],
  ['vspeed', 'climb', 'm/s', 1],
  ['heading', 'heading', '°', 0],
  ['op_status', 'status'],
  ['operator_id', 'operator'],
  ['operator_id_type', 'operator id is'],
  ['rid_make', 'make'],
  ['rid_model', 'model'],
  ['rid_status', 'registration'],
  ['rid_tracking', 'registration number'],
  ['rid_source', 'looked up in'],
  ['caa_id', 'CAA id'],
  ['id_type', 'id is'],
  ['ua_type_name', 'type'],
  ['mac', 'MAC'],
  ['freq_mhz', 'frequency', 'MHz', 3],
  ['bandwidth_mhz', 'bandwidth', 'MHz', 3],
  ['transport', 'transport'],
  ['detection_type', 'detected as'],
  ['signal_type', 'signal'],
  ['source', 'source'],
  ['pal_conf', 'PAL', '%', 0],
  ['ntsc_conf', 'NTSC', '%', 0],
  ['gps_accuracy', 'accuracy', 'm', 0],
  ['runtime', 'receiver runs for', 's', 0],
];
/** Shown elsewhere, or twice. */
const ELSEWHERE = new Set([
  'time',
  'kit_id',
  'lat',
  'lon',
  'pilot_lat',
  'pilot_lon',
  'home_lat',
  'home_lon',
  'rssi',
  'power_dbm',
  'ua_type',
  'extra',
  'uid',
]);

export class TrackDetails {
  readonly element = el('section', { class: 'details', 'aria-labelledby': 'details-title', hidden: true });
  private readonly title = el('h2', { id: 'details-title', tabindex: '-1' });
  private readonly facts = new FactList();
  private readonly hearers = el('tbody', {});
  private readonly followButton: HTMLButtonElement;
  private shownKey: string | null = null;
  private shownHearers = '';
  /** Where the focus was before: it goes back there. */
  private cameFrom: Element | null = null;

  constructor({ close, follow, centre }: DetailsActions) {
    this.followButton = button('Follow', follow, { 'aria-pressed': 'false' });
    const actions = [this.followButton, button('Centre', centre), button('Close', close)];
    const columns = ['kit', 'strongest', 'last'].map((name) => el('th', { scope: 'col' }, name));
    const table = el(
      'table',
      { class: 'hearers' },
      el('caption', {}, 'Heard by, strongest first'),
      el('thead', {}, el('tr', {}, ...columns)),
      this.hearers,
    );
    this.element.append(this.title, el('div', { class: 'buttons left' }, ...actions), table, this.facts.element);
    this.element.addEventListener('keydown', ({ key }) => {
      if (key === 'Escape') close();
    });
  }

  focus(): void {
    this.cameFrom = document.activeElement;
    this.title.focus();
  }

  /** On a phone it lies below the map. */
  reveal(): void {
    this.title.scrollIntoView({ block: 'nearest' });
  }

  hide(): void {
    if (this.shownKey === null) return;
    const hadFocus = this.element.contains(document.activeElement);
    this.element.hidden = true;
    this.shownKey = null;
    if (hadFocus && this.cameFrom instanceof HTMLElement) this.cameFrom.focus();
    this.cameFrom = null;
  }

  /** `heardWith`: what is the same thing, heard by others. */
  show(
    track: Track,
    heardWith: readonly Track[],
    isFollowed: boolean,
    landmarks: readonly Landmark[],
    kitName: (kitId: string) => string,
    nowMs: number,
  ): void {
    this.element.hidden = false;
    setAttributes(this.followButton, { 'aria-pressed': String(isFollowed) });
    if (track.key !== this.shownKey) this.title.replaceChildren(foreign(track.present?.label ?? track.id));
    this.shownKey = track.key;
    this.showHearers(strongestFirst(heardWith), kitName, nowMs);
    this.facts.show([...whereabouts(track, landmarks, nowMs), ...fieldsOf(track)]);
  }

  private showHearers(heard: readonly Heard[], kitName: (kitId: string) => string, nowMs: number): void {
    const rows = heard.map(
      ({ kitId, rssi, atMs }) => [kitName(kitId), number(rssi, 0, 'dBm'), ago(atMs, nowMs)] as const,
    );
    const text = JSON.stringify(rows);
    if (text === this.shownHearers) return;
    this.shownHearers = text;
    this.hearers.replaceChildren(
      ...rows.map(([kit, strength, last]) =>
        el('tr', {}, el('th', { scope: 'row' }, foreign(kit)), el('td', {}, strength), el('td', {}, last)),
      ),
    );
  }
}

function whereabouts({ present, kind, id, lastMs }: Track, landmarks: readonly Landmark[], nowMs: number): Fact[] {
  const facts: Fact[] = [
    { name: 'kind', text: kind },
    { name: 'id', text: id, isForeign: true },
    { name: 'heard', text: `${ago(lastMs, nowMs)}, ${clock(lastMs, nowMs)}` },
  ];
  if (present?.replay === true) facts.push({ name: 'now', text: 'nobody knows: only a replay told of it' });
  const { place = null, pilot = null, home = null } = present ?? {};
  for (const [name, at] of Object.entries({ position: place, pilot, home })) {
    if (at === null) continue;
    const way = kind === 'signal' ? null : fromNearest(at, landmarks);
    facts.push({ name, text: [position(at.lat, at.lon), ...(way === null ? [] : [way])].join('; ') });
  }
  return facts;
}

const LABELS = new Set(['kind', 'id', 'heard', 'now', 'position', 'pilot', 'home', ...NAMES.map(([, name]) => name)]);
const FIELDS = new Set(NAMES.map(([field]) => field));

function fieldsOf({ present }: Track): Fact[] {
  const known: Readonly<Record<string, unknown>> = present?.fields ?? {};
  const extra = known['extra'];
  const all: Readonly<Record<string, unknown>> = isObject(extra) ? { ...extra, ...known } : known;
  const others = Object.keys(all)
    .filter((field) => !FIELDS.has(field) && !ELSEWHERE.has(field))
    .map((field) => [field, LABELS.has(field) ? `${field} (as sent)` : field, '', 6] as const);
  return [...NAMES, ...others]
    .map(([field, name, unit = '', digits = 2]) => factOf(name, all[field], unit, digits))
    .filter((fact) => fact !== null);
}

/** Null of what is not known. */
function factOf(name: string, value: unknown, unit: string, digits: number): Fact | null {
  if (value === null || value === undefined || value === '') return null;
  switch (typeof value) {
    case 'number':
      return { name, text: number(value, digits, unit) };
    case 'string':
      return { name, text: value, isForeign: true };
    case 'boolean':
      return { name, text: value ? 'yes' : 'no' };
    default:
      return { name, text: JSON.stringify(value), isForeign: true };
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
