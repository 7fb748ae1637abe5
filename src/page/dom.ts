// The page's elements: made by code, with text that is only ever text.
import { printable } from '../base/printable.js';

export type Child = Node | string | null;
/** `true` is an attribute without a value; null and false leave it out. */
export type Attributes = Readonly<Record<string, string | number | boolean | null>>;

export function el<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  attributes: Attributes = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[Name] {
  const element = document.createElement(name);
  setAttributes(element, attributes);
  element.append(...children.filter((child) => child !== null));
  return element;
}

const SVG = 'http://www.w3.org/2000/svg';

export function svg<Name extends keyof SVGElementTagNameMap>(
  name: Name,
  attributes: Attributes = {},
  ...children: readonly Child[]
): SVGElementTagNameMap[Name] {
  const element = document.createElementNS(SVG, name);
  setAttributes(element, attributes);
  element.append(...children.filter((child) => child !== null));
  return element;
}

export function setAttributes(element: Element, attributes: Attributes): void {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === false) element.removeAttribute(name);
    else {
      const text = value === true ? '' : String(value);
      // What does not change is not written: a screen reader would read it out again.
      if (element.getAttribute(name) !== text) element.setAttribute(name, text);
    }
  }
}

/** Puts `text` there, unless it is there already. */
export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

/** Puts these children there in this order, moves only what is not in its place, and leaves the focus where it is. */
export function setChildren(parent: Element, children: readonly Element[]): void {
  const focused = document.activeElement;
  const kept = new Set(children);
  for (const child of [...parent.children]) if (!kept.has(child)) child.remove();
  children.forEach((child, i) => {
    const there = parent.children[i];
    if (there !== child) parent.insertBefore(child, there ?? null);
  });
  // A moved element has lost it.
  if (focused instanceof HTMLElement && focused !== document.activeElement && parent.contains(focused)) {
    focused.focus({ preventScroll: true });
  }
}

/** A button that does something. */
export function button(label: string, onClick: () => void, attributes: Attributes = {}): HTMLButtonElement {
  const element = el('button', { type: 'button', ...attributes }, label);
  element.addEventListener('click', onClick);
  return element;
}

/** A control with its name beside it, where everybody reads it. */
export function labelled(words: string, control: HTMLElement): HTMLLabelElement {
  return el('label', { class: 'labelled' }, el('span', {}, words), control);
}

/** Text from outside, on its own: it turns round nothing beside it, and what can't be seen is shown as its code. */
export function foreign(text: string): HTMLElement {
  return el('bdi', { class: 'foreign' }, printable(text));
}

/** Longer text from outside is shown only so far, until one asks for the rest. */
const SHOWN_CHARACTERS = 160;

export function foreignLong(text: string): HTMLElement {
  // Not in the midst of a character.
  const characters = Array.from(text);
  if (characters.length <= SHOWN_CHARACTERS) return foreign(text);
  const shown = el('bdi', { class: 'foreign' }, `${printable(characters.slice(0, SHOWN_CHARACTERS).join(''))}…`);
  const more = button(`show all ${characters.length.toLocaleString('en')} characters`, () => {
    const open = more.getAttribute('aria-expanded') !== 'true';
    setAttributes(more, { 'aria-expanded': String(open) });
    setText(shown, open ? printable(text) : `${printable(characters.slice(0, SHOWN_CHARACTERS).join(''))}…`);
    setText(more, open ? 'show less' : `show all ${characters.length.toLocaleString('en')} characters`);
  });
  setAttributes(more, { class: 'link', 'aria-expanded': 'false' });
  return el('span', {}, shown, ' ', more);
}
