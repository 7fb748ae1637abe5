// What is wrong with what one sees: the stream, the server, its broker, its database. Said at the top, and read out once.
import { el, setChildren, setText } from './dom.js';
import type { Fleet } from './fleet.js';
import { clock } from './format.js';
import type { LiveState } from './live.js';
import type { ServerView } from './server-watch.js';

export interface Notice {
  readonly id: 'stream' | 'broker' | 'database' | 'kits';
  readonly severity: 'error' | 'warning';
  readonly title: string;
  readonly text: string;
}

/** A stream that breaks is back after two seconds, mostly. */
const PATIENCE_MS = 3_000;

export function noticesOf(live: LiveState, server: ServerView, fleet: Fleet, nowMs: number): Notice[] {
  const found: Notice[] = [];
  const { answers, silentSinceMs, broker, database } = server;
  const brokenSinceMs = answers ? live.sinceMs : (silentSinceMs ?? live.sinceMs);
  if (!answers || (!live.connected && nowMs - live.sinceMs > PATIENCE_MS)) {
    found.push({
      id: 'stream',
      severity: 'error',
      title: 'Not live',
      text: `${answers ? 'The stream of news is broken' : 'The server does not answer'} since ${clock(brokenSinceMs)}. What you see is as it was then. Trying again every two seconds.`,
    });
  }
  // Of a server that does not answer nobody knows how it is.
  if (answers && broker?.ok === false) {
    found.push({
      id: 'broker',
      severity: 'error',
      title: 'Broker away',
      text: `The server has no MQTT broker (${broker.problem ?? 'not connected'}). Nothing new comes in; kits with dragonsink keep what they hear and send it afterwards. See to the broker.`,
    });
  }
  const asOf =
    fleet.asOfMs === null ? 'Nothing could be read yet.' : `The kits are shown as of ${clock(fleet.asOfMs)}.`;
  if (answers && database?.ok === false) {
    found.push({
      id: 'database',
      severity: 'error',
      title: 'Database away',
      text: `The server can't read and store (${database.problem ?? 'no answer'}). ${asOf} Kits with dragonsink lose nothing: what they send is acknowledged only when it is stored. See to the database.`,
    });
  } else if (answers && fleet.problem !== null) {
    // One read that failed is no outage.
    found.push({
      id: 'kits',
      severity: 'warning',
      title: 'Kits not up to date',
      text: `The kit list could not be read: ${fleet.problem}. ${asOf} Trying again every 20 seconds.`,
    });
  }
  return found;
}

/** Keeps the elements of what is said already: it would be read out again. */
export class NoticeBoard {
  private readonly shown = new Map<Notice['id'], { element: HTMLElement; text: HTMLElement }>();

  constructor(private readonly parent: HTMLElement) {
    parent.setAttribute('role', 'status');
    parent.setAttribute('aria-live', 'polite');
  }

  show(notices: readonly Notice[]): void {
    const elements = notices.map(({ id, severity, title, text }) => {
      const known = this.shown.get(id) ?? this.make(title, severity);
      this.shown.set(id, known);
      setText(known.text, text);
      return known.element;
    });
    for (const id of this.shown.keys()) if (!notices.some((notice) => notice.id === id)) this.shown.delete(id);
    setChildren(this.parent, elements);
  }

  private make(title: string, severity: Notice['severity']): { element: HTMLElement; text: HTMLElement } {
    const text = el('span', {});
    return { element: el('p', { class: `notice ${severity}` }, el('strong', {}, title), ' ', text), text };
  }
}
