// A list of names and values that is changed in place: what somebody has opened, marked or focused stays so.
import { el, foreignLong, setChildren } from './dom.js';

export interface Fact {
  readonly name: string;
  readonly text: string;
  /** The text comes from outside. */
  readonly isForeign?: boolean;
}

interface Row {
  readonly element: HTMLElement;
  readonly value: HTMLElement;
  text: string;
}

export class FactList {
  private readonly rows = new Map<string, Row>();
  readonly element = el('dl', { class: 'facts' });

  show(facts: readonly Fact[]): void {
    const names = new Set(facts.map(({ name }) => name));
    for (const name of this.rows.keys()) if (!names.has(name)) this.rows.delete(name);
    setChildren(
      this.element,
      facts.map((fact) => this.row(fact)),
    );
  }

  private row({ name, text, isForeign = false }: Fact): HTMLElement {
    const row = this.rows.get(name) ?? makeRow(name);
    this.rows.set(name, row);
    if (row.text !== text) {
      row.value.replaceChildren(isForeign ? foreignLong(text) : text);
      row.text = text;
    }
    return row.element;
  }
}

function makeRow(name: string): Row {
  const value = el('dd', {});
  return { element: el('div', {}, el('dt', {}, name), value), value, text: '' };
}
