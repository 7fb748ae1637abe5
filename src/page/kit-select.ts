// The choice of a kit, or of all of them.

import { printable } from '../base/printable.js';
import type { Kit } from '../schema/web/answers.js';
import { type Attributes, el } from './dom.js';
import type { FleetWatch } from './fleet.js';

export class KitSelect {
  readonly element: HTMLSelectElement;
  private listed = '';

  constructor(fleet: FleetWatch, attributes: Attributes) {
    this.element = el('select', attributes, el('option', { value: '' }, 'all kits'));
    fleet.fleet.watch(({ kits }) => this.list(kits));
  }

  /** Null is all of them. */
  get kitId(): string | null {
    return this.element.value === '' ? null : this.element.value;
  }

  choose(kitId: string): void {
    this.element.value = kitId;
  }

  /** Left alone while nothing is new: a list that is open would close. */
  private list(kits: readonly Kit[]): void {
    const names = kits.map(({ kit_id, name }) => [kit_id, printable(name ?? kit_id)] as const);
    const listed = JSON.stringify(names);
    if (listed === this.listed) return;
    this.listed = listed;
    const chosen = this.element.value;
    const options = names.map(([value, words]) => el('option', { value }, words));
    this.element.replaceChildren(el('option', { value: '' }, 'all kits'), ...options);
    this.element.value = names.some(([value]) => value === chosen) ? chosen : '';
  }
}
