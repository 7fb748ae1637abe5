// The messages of a stream frame as rows: each says only what could not be expected of it from the row that it refers to,
// from its own other fields and from the row before it.
//
// A row is `[base, names, ...values]`. The base is how many rows back a message of the same thing stands, or the letter of
// a kind: its typical message. `names` has one letter for each field that is not as expected, with its value; behind a `-`
// those that are expected and not there. `+` is an object of all fields that the dictionary does not have.
import { PayloadError } from '../base/errors.js';
import { isObject, type JsonObject } from '../base/json.js';
import { ENVELOPE_VERSION, type SinkEnvelope } from './envelope.js';
import type { Kind } from './kinds.js';
import { thingOf } from './messages.js';
import type { Dictionary } from './stream-dictionary.js';
import { isoMicros, toMicros } from './time.js';

export interface StreamMessage {
  readonly kind: Kind;
  /** Without `seen_by` and `sink`. */
  readonly fields: JsonObject;
  readonly sink: SinkEnvelope;
}

export type Row = readonly [base: number | string, names: string, ...values: unknown[]];

const KIND_LETTERS: Readonly<Record<Kind, string>> = { drone: 'd', aircraft: 'a', signal: 's', system: 'y' };
const KINDS_BY_LETTER = new Map(Object.entries(KIND_LETTERS).map(([kind, letter]) => [letter, kind as Kind]));

const ENVELOPE = ['epoch', 'seq', 'replay', 'observed_raw'] as const;
const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!#$%&()*,./:;<=>?@[]^_{|}~';
const OTHERS = '+';
const ABSENT = '-';

/** Fields that say the same as another one: DragonSync's sink has them twice. */
const SAME: Readonly<Record<Kind, Readonly<Record<string, string>>>> = {
  drone: { latitude: 'lat', longitude: 'lon', freq_mhz: 'freq' },
  aircraft: { latitude: 'lat', longitude: 'lon', altitude_ft: 'alt', speed_kt: 'speed', heading: 'track' },
  signal: { latitude: 'lat', longitude: 'lon', gps_accuracy: 'radius_m' },
  system: {},
};
/** Beyond it a Date has no text. */
const MAX_TIME_S = 8e12;

/** A message as a list: envelope, the dictionary's fields, all others; undefined is not there. */
type Values = unknown[];

interface Line {
  readonly kind: Kind;
  readonly values: Values;
}

/** Their places. */
const [EPOCH, SEQ, REPLAY, OBSERVED_RAW] = [0, 1, 2, 3] as const;

/** What both ends remember of the rows so far. */
class Context {
  readonly lines: Line[] = [];
  private readonly seqs = new Map<Kind, number>();
  private readonly layouts = new Map<Kind, Layout>();

  constructor(private readonly dictionary: Dictionary) {}

  layout(kind: Kind): Layout {
    const known = this.layouts.get(kind) ?? new Layout(kind, this.dictionary);
    this.layouts.set(kind, known);
    return known;
  }

  add(line: Line): void {
    this.lines.push(line);
    this.seqs.set(line.kind, line.values[SEQ] as number);
  }

  /** What is expected of the next message, but for what depends on its own fields. */
  expected(kind: Kind, base: Values): Values {
    const values = base.slice();
    const before = this.lines.at(-1)?.values ?? [];
    values[EPOCH] = before[EPOCH];
    values[SEQ] = (this.seqs.get(kind) ?? 0) + 1;
    values[REPLAY] = before[REPLAY];
    values[OBSERVED_RAW] = before[OBSERVED_RAW];
    return values;
  }
}

/** Where each field of a kind has its place. */
class Layout {
  readonly size: number;
  readonly typical: Values;
  /** Of the fields that can be told from others, in the order in which they are. */
  readonly derived: readonly number[];
  private readonly places = new Map<string, number>();
  private readonly same = new Map<number, number>();
  private readonly observedAt: number;

  constructor(
    readonly kind: Kind,
    { fields, typical }: Dictionary,
  ) {
    for (const [i, field] of fields[kind].entries()) this.places.set(field, ENVELOPE.length + i);
    this.size = ENVELOPE.length + fields[kind].length + 1;
    this.typical = this.valuesOf(typical[kind], {});
    for (const [field, other] of Object.entries(SAME[kind])) this.same.set(this.place(field), this.place(other));
    this.observedAt = this.place('observed_at');
    this.derived = [this.place('timestamp'), ...this.same.keys()].sort((a, b) => a - b);
  }

  valuesOf(fields: JsonObject, sink: Partial<SinkEnvelope>): Values {
    const values: Values = new Array(this.size).fill(undefined);
    for (const [i, name] of ENVELOPE.entries()) values[i] = sink[name];
    let others: JsonObject | undefined;
    for (const field of Object.keys(fields)) {
      const place = this.places.get(field);
      if (place !== undefined) values[place] = fields[field];
      // `__proto__` is no field, as nowhere (base/json.ts).
      else if (field !== '__proto__' && field !== 'seen_by' && field !== 'sink') {
        others ??= {};
        others[field] = fields[field];
      }
    }
    values[this.size - 1] = others;
    return values;
  }

  /** What a field that can be told from others is by the values before it. */
  derive(at: number, values: Values): unknown {
    const same = this.same.get(at);
    if (same !== undefined) return values[same];
    const observedAt = values[this.observedAt];
    if (typeof observedAt !== 'number' || !(Math.abs(observedAt) < MAX_TIME_S)) return undefined;
    return isoMicros(toMicros(observedAt));
  }

  messageOf(values: Values): StreamMessage {
    const sink: JsonObject = { v: ENVELOPE_VERSION };
    for (let i = 0; i < ENVELOPE.length; i += 1) if (values[i] !== undefined) sink[ENVELOPE[i] ?? ''] = values[i];
    const fields: JsonObject = {};
    for (const [field, place] of this.places) if (values[place] !== undefined) fields[field] = values[place];
    const others = values[this.size - 1] as JsonObject | undefined;
    // What a sink must be is for whoever takes the message to judge, as of one on its topic.
    return {
      kind: this.kind,
      fields: others === undefined ? fields : { ...fields, ...others },
      sink: sink as unknown as SinkEnvelope,
    };
  }

  letter(at: number): string {
    return at === this.size - 1 ? OTHERS : (LETTERS[at] ?? '');
  }

  private place(field: string): number {
    return this.places.get(field) ?? -1;
  }
}

export function toRows(dictionary: Dictionary, messages: readonly StreamMessage[]): Row[] {
  const context = new Context(dictionary);
  const newest = new Map<string, number>();
  return messages.map(({ kind, fields, sink }, n) => {
    const layout = context.layout(kind);
    const thing = `${kind} ${thingOf(kind, fields)}`;
    const earlier = newest.get(thing);
    const base = earlier === undefined ? layout.typical : (context.lines[earlier]?.values ?? layout.typical);
    const line: Line = { kind, values: layout.valuesOf(fields, sink) };
    const expected = context.expected(kind, base);
    for (const at of layout.derived) expected[at] = layout.derive(at, line.values);
    let names = '';
    let absent = '';
    const values: unknown[] = [];
    for (let at = 0; at < layout.size; at += 1) {
      const value = line.values[at];
      if (isSame(value, expected[at])) continue;
      if (value === undefined) absent += layout.letter(at);
      else {
        names += layout.letter(at);
        values.push(value);
      }
    }
    context.add(line);
    newest.set(thing, n);
    const reference = earlier === undefined ? KIND_LETTERS[kind] : n - earlier;
    return [reference, absent === '' ? names : names + ABSENT + absent, ...values];
  });
}

/**
 * One after the other, so that whoever counts them can stop: a short row stands for as much as the one that it refers to.
 *
 * @throws PayloadError `frame` when they are no rows; `kit` when one says itself whose it is.
 */
export function* fromRows(dictionary: Dictionary, rows: readonly unknown[]): Generator<StreamMessage> {
  const context = new Context(dictionary);
  for (const [n, row] of rows.entries()) {
    if (!Array.isArray(row)) throw malformed(n);
    const [reference, names, ...values] = row as unknown[];
    if (typeof names !== 'string') throw malformed(n);
    const { kind, base } = baseOf(context, reference, n);
    const layout = context.layout(kind);
    const line: Line = { kind, values: context.expected(kind, base) };
    const given = readNames(layout, names, values, n);
    for (const [at, value] of given) line.values[at] = value;
    for (const at of layout.derived) if (!given.has(at)) line.values[at] = layout.derive(at, line.values);
    checkOthers(line.values[layout.size - 1], n);
    context.add(line);
    yield layout.messageOf(line.values);
  }
}

function baseOf(context: Context, reference: unknown, n: number): { kind: Kind; base: Values } {
  if (typeof reference === 'number') {
    const line = reference >= 1 ? context.lines[n - reference] : undefined;
    if (line === undefined) throw malformed(n);
    return { kind: line.kind, base: line.values };
  }
  const kind = KINDS_BY_LETTER.get(String(reference));
  if (kind === undefined) throw malformed(n);
  return { kind, base: context.layout(kind).typical };
}

/** By place; undefined is not there. */
function readNames(layout: Layout, names: string, values: readonly unknown[], n: number): Map<number, unknown> {
  const [present = '', absent = '', ...more] = names.split(ABSENT);
  if (present.length !== values.length || more.length > 0) throw malformed(n);
  const given = new Map<number, unknown>();
  for (const [i, letter] of [...present].entries()) given.set(placeOf(layout, letter, n), values[i]);
  for (const letter of absent) given.set(placeOf(layout, letter, n), undefined);
  return given;
}

function placeOf(layout: Layout, letter: string, n: number): number {
  if (letter === OTHERS) return layout.size - 1;
  const place = LETTERS.indexOf(letter);
  if (place < 0 || place >= layout.size - 1) throw malformed(n);
  return place;
}

function checkOthers(others: unknown, n: number): void {
  if (others === undefined) return;
  if (!isObject(others)) throw malformed(n);
  // A kit is told from its topic: nobody speaks for another.
  for (const name of ['seen_by', 'sink']) {
    if (Object.hasOwn(others, name)) throw new PayloadError(`row ${n + 1} has a ${name} of its own`, { code: 'kit' });
  }
}

function malformed(n: number): PayloadError {
  return new PayloadError(`row ${n + 1} of the frame is malformed`, { code: 'frame' });
}

function isSame(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  return JSON.stringify(a) === JSON.stringify(b);
}
