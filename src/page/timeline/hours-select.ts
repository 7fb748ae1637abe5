// How far back one looks: one choice for the timeline and for the slider below the map.
import { el } from '../dom.js';
import type { History } from './history.js';

const HOUR_MS = 3_600_000;
const HOURS: readonly (readonly [number, string])[] = [
  [1, 'last hour'],
  [6, 'last 6 hours'],
  [24, 'last 24 hours'],
  [168, 'last 7 days'],
];

export class HoursSelect {
  readonly element = el('select', {}, ...HOURS.map(([hours, words]) => el('option', { value: hours }, words)));

  constructor(history: History) {
    this.element.addEventListener('change', () => history.setHours(Number(this.element.value)));
    // Chosen elsewhere, or refused: it says what is shown.
    history.view.watch(({ fromMs, toMs }) => {
      this.element.value = String(Math.round((toMs - fromMs) / HOUR_MS));
    });
  }
}
