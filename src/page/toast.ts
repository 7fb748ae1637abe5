// One line that says what was done, for some seconds.

import { printable } from '../base/printable.js';
import { el, setText } from './dom.js';

const SHOWN_MS = 6_000;

export class Toast {
  private readonly element = el('p', { class: 'toast', role: 'status' });
  private timer: ReturnType<typeof setTimeout> | null = null;

  constructor(parent: HTMLElement) {
    parent.append(this.element);
  }

  readonly say = (words: string): void => {
    if (this.timer !== null) clearTimeout(this.timer);
    setText(this.element, printable(words));
    this.timer = setTimeout(() => setText(this.element, ''), SHOWN_MS);
  };
}
