// The bar at the top: where one is, whether that is live, and who one is.
import type { Session, SideAnswer } from '../schema/web/answers.js';
import { button, el, setAttributes, setText } from './dom.js';
import type { LiveState } from './live.js';
import type { ServerView } from './server-watch.js';

export interface Page {
  readonly id: string;
  readonly title: string;
}

export interface BarActions {
  readonly login: () => void;
  readonly logout: () => void;
}

export class Bar {
  private readonly links: Map<string, HTMLAnchorElement>;
  private readonly stream = chip();
  private readonly broker = chip();
  private readonly database = chip();
  private readonly who = el('span', { class: 'who' });
  private readonly enter: HTMLButtonElement;
  private readonly leave: HTMLButtonElement;

  constructor(parent: HTMLElement, pages: readonly Page[], { login, logout }: BarActions) {
    this.links = new Map(pages.map(({ id, title }) => [id, el('a', { href: `#/${id}` }, title)]));
    this.enter = button('Log in', login);
    this.leave = button('Log out', logout);
    const links = [...this.links.values()].map((link) => el('li', {}, link));
    parent.append(
      el('span', { class: 'brand' }, 'dragonsink'),
      el('nav', { 'aria-label': 'Views' }, el('ul', {}, ...links)),
      el('ul', { class: 'chips', 'aria-label': 'State of the server' }, this.stream, this.broker, this.database),
      el('div', { class: 'account' }, this.who, this.enter, this.leave),
    );
  }

  showPage(id: string): void {
    for (const [its, link] of this.links) setAttributes(link, { 'aria-current': its === id ? 'page' : null });
  }

  showSession(session: Session | null): void {
    const isOperator = session?.role === 'operator';
    setText(this.who, session === null || session.role === 'none' ? '' : session.role);
    // One who is on the machine itself with a program's token has no session to end.
    setAttributes(this.leave, { hidden: !isOperator || session.csrf === null });
    setAttributes(this.enter, { hidden: isOperator || session === null || session.role === 'none' });
  }

  /** `isPast`: what one looks at is of a moment of the past, however live the stream is. */
  showServer({ connected }: LiveState, { answers, broker, database }: ServerView, isPast: boolean): void {
    if (!connected || !answers) setChip(this.stream, 'bad', 'Not live');
    else if (isPast) setChip(this.stream, 'past', 'The past');
    else setChip(this.stream, 'ok', 'Live');
    setChip(this.broker, ...stateOf('Broker', answers ? broker : null));
    setChip(this.database, ...stateOf('Database', answers ? database : null));
  }
}

type ChipState = 'ok' | 'past' | 'bad' | 'unknown';
const MARKS: Readonly<Record<ChipState, string>> = { ok: '✓', past: '↶', bad: '✗', unknown: '?' };

function stateOf(name: string, side: SideAnswer | null): [ChipState, string] {
  if (side === null) return ['unknown', `${name} unknown`];
  return side.ok ? ['ok', `${name} ok`] : ['bad', `${name} away`];
}

function chip(): HTMLLIElement {
  return el(
    'li',
    { class: 'chip' },
    el('span', { class: 'mark', 'aria-hidden': 'true' }),
    el('span', { class: 'word' }),
  );
}

function setChip(element: HTMLElement, state: ChipState, words: string): void {
  setAttributes(element, { 'data-state': state });
  const [mark, text] = element.children;
  if (mark !== undefined) setText(mark, MARKS[state]);
  if (text !== undefined) setText(text, words);
}
