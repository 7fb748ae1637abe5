// A kit that was clicked on the map: everything the list of kits knows of it.
import type { Kit } from '../../schema/web/answers.js';
import { button, el, foreign, setAttributes } from '../dom.js';
import { KitGroups } from '../kits/kit-groups.js';

export class KitPanel {
  private readonly title = el('h2', { id: 'kit-panel-title' });
  private readonly link = el('a', { class: 'button' }, 'In the list of kits');
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
      this.groups.element,
    );
  }

  /** Null hides it. */
  show(kit: Kit | null, nowMs: number): void {
    this.element.hidden = kit === null;
    if (kit === null) return;
    if (kit.kit_id !== this.shownId) this.title.replaceChildren(foreign(kit.name ?? kit.kit_id));
    this.shownId = kit.kit_id;
    setAttributes(this.link, { href: `#/kits?kit=${encodeURIComponent(kit.kit_id)}` });
    this.groups.show(kit, nowMs);
  }
}
