// Which view the address names (`#/map?kit=x`), and its showing.
import type { View } from './view.js';

export class Router {
  private readonly made = new Map<string, View>();
  private current: View | null = null;

  constructor(
    private readonly parent: HTMLElement,
    /** How each is made, by the name in the address; the first is where one arrives. */
    private readonly makers: ReadonlyMap<string, () => View>,
    private readonly arrived: (id: string) => void,
  ) {}

  start(): void {
    addEventListener('hashchange', () => this.go());
    this.go();
  }

  tick(): void {
    this.current?.tick?.();
  }

  private go(): void {
    const [path = '', query = ''] = location.hash.replace(/^#\/?/, '').split('?');
    const [first = ''] = this.makers.keys();
    const id = this.makers.has(path) ? path : first;
    const view = this.made.get(id) ?? this.makers.get(id)?.();
    if (view === undefined) return;
    this.made.set(id, view);
    if (view !== this.current) {
      this.current?.hidden?.();
      this.parent.replaceChildren(view.element);
      this.current = view;
    }
    this.arrived(id);
    view.shown?.(new URLSearchParams(query));
  }
}
