// The groups of facts of one kit as elements, changed in place; with the chart of its spool.
import type { Kit } from '../../schema/web/answers.js';
import { el, setChildren } from '../dom.js';
import { FactList } from '../facts.js';
import { type FactGroup, kitFacts, SPOOL } from './kit-facts.js';
import { Sparkline } from './sparkline.js';

interface Group {
  readonly element: HTMLElement;
  readonly list: FactList;
}

export class KitGroups {
  private readonly depth = new Sparkline();
  private readonly groups = new Map<string, Group>();
  readonly element = el('div', { class: 'groups' });

  show(kit: Kit, nowMs: number): void {
    setChildren(
      this.element,
      kitFacts(kit, nowMs).map((group) => this.showGroup(group)),
    );
    if (kit.sink !== null) this.depth.show(kit.sink.depth);
  }

  private showGroup({ title, facts }: FactGroup): HTMLElement {
    const group = this.groups.get(title) ?? this.makeGroup(title);
    this.groups.set(title, group);
    group.list.show(facts);
    return group.element;
  }

  private makeGroup(title: string): Group {
    const list = new FactList();
    const chart =
      title === SPOOL ? el('p', { class: 'summary' }, this.depth.element, ' waiting over the last hour') : null;
    return { element: el('section', {}, el('h3', {}, title), list.element, chart), list };
  }
}
