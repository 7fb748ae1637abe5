// A kit that was clicked on the map: everything the list of kits knows of it.
import type { Kit } from '../../schema/web/answers.js';
import { button, el, foreign, setAttributes, setText } from '../dom.js';
import { clock } from '../format.js';
import { KitGroups } from '../kits/kit-groups.js';

export class KitPanel {
  private readonly title = el('h2', { id: 'kit-panel-title' });
  private readonly link = el('a', { class: 'button' }, 'In the list of kits');
  private readonly asOf = el('p', { class: 'summary', hidden: true });
  private readonly groups = new KitGroups();
  private shownId: string | null = null;
  readonly element: HTMLElement;

  constructor(close: () => void) {
    const actions = el('div', { class: 'buttons left' }, this.link, button('Close', close));
    this.element = el(
      'section',
      { class: 'details', 'aria-labelledby': 'kit-panel-title', hidden: true },
      this.title,
      actions,
      this.asOf,
      this.groups.element,
    );
  }

  /** On a phone it lies below the map. */
  reveal(): void {
    this.title.scrollIntoView({ block: 'nearest' });
  }

  /** @param kit null hides it. @param pastMs the moment that it is of; null is now. */
  show(kit: Kit | null, nowMs: number, pastMs: number | null): void {
    this.element.hidden = kit === null;
    if (kit === null) return;
    this.asOf.hidden = pastMs === null;
    setText(
      this.asOf,
      pastMs === null ? '' : `As it was at ${clock(pastMs, nowMs)}; how it is now, the list of kits says.`,
    );
    if (kit.kit_id !== this.shownId) this.title.replaceChildren(foreign(kit.name ?? kit.kit_id));
    this.shownId = kit.kit_id;
    setAttributes(this.link, { href: `#/kits?kit=${encodeURIComponent(kit.kit_id)}` });
    this.groups.show(kit, pastMs ?? nowMs);
  }
}
