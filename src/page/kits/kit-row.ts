// One kit in the list: what matters in a line, what is wrong and what to do below it, and everything when it is opened.
import type { Kit, Problem } from '../../schema/web/answers.js';
import { button, el, foreign, setAttributes, setChildren, setText } from '../dom.js';
import { ago, count, number, percent } from '../format.js';
import { timeOf, trendOf } from './kit-facts.js';
import { KitGroups } from './kit-groups.js';

export interface KitActions {
  readonly rename: (kit: Kit) => void;
  readonly locate: (kit: Kit) => void;
  readonly enable: (kit: Kit) => void;
  readonly remove: (kit: Kit) => void;
}

const STATE_MARKS: Readonly<Record<Kit['state'], string>> = { online: '●', stale: '◐', offline: '○' };
const SOURCES = { mqtt: 'MQTT', http: 'HTTP', both: 'Both' } as const;

/** A name over its value, to be changed in place. */
class Figure {
  private readonly value = el('dd', {});
  readonly element: HTMLElement;

  constructor(name: string) {
    this.element = el('div', {}, el('dt', {}, name), this.value);
  }

  show(text: string, isBad = false): void {
    setText(this.value, text);
    setAttributes(this.value, { class: isBad ? 'bad' : null });
  }
}

export class KitRow {
  private readonly state = el('span', { class: 'chip state' });
  private readonly badge = el('span', { class: 'badge' });
  private readonly off = el('span', { class: 'badge off', hidden: true }, 'disabled');
  private readonly name = el('button', { type: 'button', class: 'name', 'aria-expanded': 'false' });
  private readonly id = el('span', { class: 'id' });
  private readonly contact = new Figure('heard');
  private readonly waiting = new Figure('waiting');
  private readonly missing = new Figure('missing');
  private readonly received = new Figure('received');
  private readonly load = new Figure('processor');
  private readonly temperature = new Figure('temp');
  private readonly gps = new Figure('GPS');
  private readonly problems = el('ul', { class: 'problems' });
  private readonly facts = new KitGroups();
  private readonly enable: HTMLButtonElement;
  private readonly onMap: HTMLAnchorElement;
  private readonly more: HTMLElement;
  /** The problems that are shown. */
  private said = '[]';
  private shownName = '';
  private nowMs = 0;
  readonly element: HTMLLIElement;

  constructor(
    private kit: Kit,
    actions: KitActions,
  ) {
    this.enable = button('Disable…', () => actions.enable(this.kit));
    this.onMap = el('a', { class: 'button', href: `#/map?kit=${encodeURIComponent(kit.kit_id)}` }, 'Show on map');
    const does = [
      this.onMap,
      button('Rename…', () => actions.rename(this.kit)),
      button('Set location…', () => actions.locate(this.kit)),
      this.enable,
      button('Remove…', () => actions.remove(this.kit), { class: 'danger' }),
    ];
    this.more = el(
      'div',
      { class: 'more', hidden: true },
      this.facts.element,
      el('div', { class: 'buttons' }, ...does),
    );
    const figures = [
      this.contact,
      this.waiting,
      this.missing,
      this.received,
      this.load,
      this.temperature,
      this.gps,
    ].map(({ element }) => element);
    const who = el('div', { class: 'who' }, this.state, this.name, this.id, this.badge, this.off);
    const line = el('div', { class: 'line' }, who, el('dl', { class: 'figures' }, ...figures));
    this.element = el('li', { class: 'kit', 'data-kit': kit.kit_id }, line, this.problems, this.more);
    this.name.addEventListener('click', () => this.open(!this.isOpen));
  }

  get isOpen(): boolean {
    return this.more.hidden === false;
  }

  /** `isLive`: what is shown is of now, and not merely the last that was heard. */
  show(kit: Kit, nowMs: number, isLive: boolean): void {
    this.kit = kit;
    this.showWho(kit, isLive);
    this.tick(nowMs);
    const { sink, ledger, health } = kit;
    const trend = sink === null ? '' : trendOf(sink);
    const depth = sink === null ? count(ledger?.waiting ?? null) : count(sink.waiting);
    this.waiting.show(trend.startsWith('fills') || trend.startsWith('drains') ? `${depth} (${trend})` : depth);
    this.missing.show(count(ledger?.missing ?? null), (ledger?.missing ?? 0) > 0);
    this.received.show(count(ledger?.received ?? null));
    this.load.show(percent(health?.cpu_percent ?? null));
    this.temperature.show(number(health?.temp_cpu ?? null, 0, '°C'));
    this.gps.show(health?.gps_fix === true ? 'fix' : health?.gps_fix === false ? 'no fix' : '–');
    this.showProblems(kit.problems);
  }

  /** Only what goes by with time. */
  tick(nowMs: number, heardMs = 0): void {
    this.nowMs = nowMs;
    const contactMs = Math.max(timeOf(this.kit.last_contact_at) ?? 0, heardMs);
    this.contact.show(ago(contactMs === 0 ? null : contactMs, nowMs), this.kit.state !== 'online');
    if (this.isOpen) this.facts.show(this.kit, this.nowMs);
  }

  private showWho(kit: Kit, isLive: boolean): void {
    setAttributes(this.state, { 'data-state': kit.state, 'data-live': String(isLive) });
    setText(this.state, `${STATE_MARKS[kit.state]} ${isLive ? '' : 'was '}${kit.state}`);
    const name = kit.name ?? kit.kit_id;
    if (name !== this.shownName) this.name.replaceChildren(foreign(name));
    this.shownName = name;
    setText(this.id, kit.name === null || kit.name === kit.kit_id ? '' : kit.kit_id);
    setText(this.badge, kit.source === null ? 'no source yet' : SOURCES[kit.source]);
    setAttributes(this.badge, { 'data-source': kit.source ?? 'none', title: sourceWords(kit) });
    setAttributes(this.off, { hidden: kit.enabled });
    setText(this.enable, kit.enabled ? 'Disable…' : 'Enable…');
    setAttributes(this.onMap, { hidden: kit.position === null });
  }

  private showProblems(problems: readonly Problem[]): void {
    const said = JSON.stringify(problems);
    if (said === this.said) return;
    this.said = said;
    setChildren(this.problems, problems.map(problemLine));
  }

  open(isOpen: boolean): void {
    setAttributes(this.name, { 'aria-expanded': String(isOpen) });
    this.more.hidden = !isOpen;
    if (isOpen) this.facts.show(this.kit, this.nowMs);
  }
}

function sourceWords({ source }: Kit): string {
  switch (source) {
    case 'mqtt':
      return 'sends over MQTT';
    case 'http':
      return 'is asked over HTTP';
    case 'both':
      return 'sends over MQTT, and is asked over HTTP';
    default:
      return 'nothing came yet';
  }
}

function problemLine({ severity, message, hint, code }: Problem): HTMLElement {
  return el(
    'li',
    { class: severity, 'data-code': code },
    el('strong', {}, severity === 'error' ? 'Problem: ' : 'Look at: '),
    foreign(message),
    hint === '' ? null : el('span', { class: 'hint' }, ' → ', foreign(hint)),
  );
}
