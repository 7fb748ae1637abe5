// What was heard, as files: a selection of tracks, signals, and the ledger.
import { withQuery } from '../api.js';
import { el, labelled, setAttributes, setText } from '../dom.js';
import type { FleetWatch } from '../fleet.js';
import { KitSelect } from '../kit-select.js';
import type { View } from '../view.js';

const HOUR_MS = 3_600_000;

interface Download {
  readonly words: string;
  readonly hint: string;
  readonly path: string;
  /** The names of the parameters that it knows. */
  readonly takes: readonly string[];
}

const TRACKS = ['from', 'to', 'kind', 'kit', 'id', 'q'];
const DOWNLOADS: readonly Download[] = [
  {
    words: 'Tracks as CSV',
    hint: 'for a spreadsheet: a line for each observation',
    path: '/api/tracks.csv',
    takes: TRACKS,
  },
  { words: 'Tracks as GeoJSON', hint: 'for QGIS and other maps', path: '/api/tracks.geojson', takes: TRACKS },
  { words: 'Tracks as KML', hint: 'for Google Earth and ATAK', path: '/api/tracks.kml', takes: TRACKS },
  {
    words: 'Signals as CSV',
    hint: 'FPV video and other radio signals',
    path: '/api/signals.csv',
    takes: ['from', 'to', 'kit'],
  },
  {
    words: 'Ledger as JSON',
    hint: 'which messages of each kit are here, waiting or missing; of all times',
    path: '/api/ledger.json',
    takes: ['kit'],
  },
];

export class DownloadsView implements View {
  private readonly from = el('input', { type: 'datetime-local', name: 'from', step: 1 });
  private readonly to = el('input', { type: 'datetime-local', name: 'to', step: 1 });
  private readonly kind = select('kind', [
    ['', 'drones and aircraft'],
    ['drone', 'drones'],
    ['aircraft', 'aircraft'],
  ]);
  private readonly kit: KitSelect;
  private readonly id = el('input', { name: 'id', autocomplete: 'off' });
  private readonly text = el('input', { name: 'q', type: 'search', autocomplete: 'off' });
  private readonly problem = el('p', { class: 'problem', role: 'alert' });
  private readonly links = DOWNLOADS.map((download) => ({
    download,
    link: el('a', { class: 'button', download: true }, download.words),
  }));
  readonly element: HTMLElement;

  constructor(fleet: FleetWatch, nowMs: () => number) {
    this.kit = new KitSelect(fleet, { name: 'kit' });
    this.from.value = localTime(nowMs() - HOUR_MS);
    this.to.value = localTime(nowMs());
    const fields = [
      labelled('From', this.from),
      labelled('To', this.to),
      labelled('Of', this.kind),
      labelled('Heard by', this.kit.element),
      labelled('Drone id or ICAO address', this.id),
      labelled('Text in id, description, MAC or operator', this.text),
    ];
    const form = el('form', { class: 'selection' }, ...fields);
    form.addEventListener('input', () => this.link());
    form.addEventListener('submit', (event) => event.preventDefault());
    this.element = el(
      'section',
      { class: 'downloads', 'aria-labelledby': 'downloads-title' },
      el('h1', { id: 'downloads-title' }, 'Downloads'),
      form,
      this.problem,
      el(
        'ul',
        {},
        ...this.links.map(({ download, link }) =>
          el('li', {}, link, ' ', el('span', { class: 'summary' }, download.hint)),
        ),
      ),
      el(
        'p',
        { class: 'summary' },
        'At most 250,000 rows and 31 days each. Times are of your own time zone here, and UTC in the files.',
      ),
    );
    this.link();
  }

  /** `#/downloads?from=…&to=…`: what somebody looks at elsewhere. */
  shown(query: URLSearchParams): void {
    for (const [name, input] of [
      ['from', this.from],
      ['to', this.to],
    ] as const) {
      const ms = Number(query.get(name));
      if (ms > 0) input.value = localTime(ms);
    }
    const kit = query.get('kit');
    if (kit !== null) this.kit.choose(kit);
    this.link();
  }

  private link(): void {
    const [from, to] = [Date.parse(this.from.value), Date.parse(this.to.value)];
    const isRange = from < to;
    setText(this.problem, isRange ? '' : 'The selection has to end after it begins.');
    const values: Record<string, string | number> = {
      from,
      to,
      kind: this.kind.value,
      kit: this.kit.kitId ?? '',
      id: this.id.value.trim(),
      q: this.text.value.trim(),
    };
    for (const { download, link } of this.links) {
      const taken = Object.fromEntries(download.takes.map((name) => [name, values[name] ?? '']));
      const usable = isRange || !download.takes.includes('from');
      setAttributes(link, {
        href: usable ? withQuery(download.path, taken) : null,
        'aria-disabled': usable ? null : 'true',
      });
    }
  }
}

function select(name: string, options: readonly (readonly [value: string, words: string])[]): HTMLSelectElement {
  return el('select', { name }, ...options.map(([value, words]) => el('option', { value }, words)));
}

/** As an input of that type has it: the reader's own time, without a zone. */
function localTime(ms: number): string {
  const date = new Date(ms);
  const local = new Date(ms - date.getTimezoneOffset() * 60_000);
  return local.toISOString().slice(0, 19);
}
