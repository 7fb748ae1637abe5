// Numbers, times and places as a person reads them.

const MINUTE_S = 60;
const HOUR_S = 3_600;
const DAY_S = 86_400;

export const NONE = '–';

/** `12 s`, `4 min`, `3 h 5 min`, `2 d 4 h`. */
export function duration(ms: number): string {
  const s = Math.max(0, Math.round(ms / 1_000));
  if (s < 2 * MINUTE_S) return `${s} s`;
  if (s < 2 * HOUR_S) return `${Math.floor(s / MINUTE_S)} min`;
  if (s < 2 * DAY_S) return withRest(Math.floor(s / HOUR_S), 'h', Math.floor((s % HOUR_S) / MINUTE_S), 'min');
  return withRest(Math.floor(s / DAY_S), 'd', Math.floor((s % DAY_S) / HOUR_S), 'h');
}

function withRest(whole: number, unit: string, rest: number, restUnit: string): string {
  return rest === 0 ? `${whole} ${unit}` : `${whole} ${unit} ${rest} ${restUnit}`;
}

/** `just now`, `12 s ago`; what is null was never. */
export function ago(ms: number | null, nowMs: number): string {
  if (ms === null) return 'never';
  return nowMs - ms < 1_500 ? 'just now' : `${duration(nowMs - ms)} ago`;
}

const CLOCK = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' });
const DATE = new Intl.DateTimeFormat('en-GB', { day: '2-digit', month: 'short' });

/** The time of the day where the reader is, with the date when that is not today. */
export function clock(ms: number, nowMs = Date.now()): string {
  const isToday = DATE.format(ms) === DATE.format(nowMs) && Math.abs(nowMs - ms) < DAY_S * 1_000;
  return isToday ? CLOCK.format(ms) : `${DATE.format(ms)} ${CLOCK.format(ms)}`;
}

/** The same without its seconds. */
export function minute(ms: number, nowMs = Date.now()): string {
  return clock(ms, nowMs).replace(/:\d\d$/, '');
}

export function count(n: number | null): string {
  return n === null ? NONE : numbersWith(0).format(n);
}

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB'];

export function bytes(n: number | null): string {
  if (n === null) return NONE;
  const power = n < 1 ? 0 : Math.min(UNITS.length - 1, Math.floor(Math.log10(n) / 3));
  return `${number(n / 1_000 ** power, power === 0 ? 0 : 1)} ${UNITS[power]}`;
}

/** By their digits; making one takes longer than all that it is used for. */
const NUMBERS = new Map<number, Intl.NumberFormat>();

function numbersWith(digits: number): Intl.NumberFormat {
  const known = NUMBERS.get(digits) ?? new Intl.NumberFormat('en', { maximumFractionDigits: digits });
  NUMBERS.set(digits, known);
  return known;
}

export function number(n: number | null, digits = 0, unit = ''): string {
  if (n === null || !Number.isFinite(n)) return NONE;
  const text = numbersWith(digits).format(n);
  return unit === '' ? text : `${text}\u00a0${unit}`;
}

export function percent(n: number | null): string {
  return n === null ? NONE : `${Math.round(n)}%`;
}

export function position(lat: number | null, lon: number | null): string {
  if (lat === null || lon === null) return NONE;
  return `${Math.abs(lat).toFixed(5)}° ${lat < 0 ? 'S' : 'N'}, ${Math.abs(lon).toFixed(5)}° ${lon < 0 ? 'W' : 'E'}`;
}

export function plural(n: number, one: string, many = `${one}s`): string {
  return `${count(n)} ${n === 1 ? one : many}`;
}
